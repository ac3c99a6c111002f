-- Schedules of a queue. `schedules` has their definitions by name, `schedule:<name>` how each
-- stands, `schedule_due` the next slot of those that fire.
--
-- States: active, paused, finished; moving (not to fire before it is gone from another queue,
-- due at 0, so that every pass of the reaper meets it); retired (on its way to another queue).

local due_key = key('schedule_due')
local definitions_key = key('schedules')
local function standing_key(name) return key('schedule:' .. name) end

-- What tells whether a schedule was changed, or has fired, since it was read: each change gives
-- it a revision that it never had before.
local function stamp_of(name)
  return (redis.call('HGET', standing_key(name), 'revision') or '') .. ' '
    .. (redis.call('ZSCORE', due_key, name) or '')
end

-- A schedule whole: name, definition, stamp, next slot (or ''), fields of its standing; false where
-- there is none.
local function record(name)
  local definition = redis.call('HGET', definitions_key, name)
  return definition and {name, definition, stamp_of(name), redis.call('ZSCORE', due_key, name) or '',
    redis.call('HGETALL', standing_key(name))}
end
