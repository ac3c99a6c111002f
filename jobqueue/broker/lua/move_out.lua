--!include version events moves timeline unique unstarted finishing outbox groups
-- Sends a job that waits to the queue `target`, with all that it has behind it, and leaves where it
-- went. Answers moved, here (it is in that queue), not_found, its state where that does not allow it,
-- or what keeps it: awaited (by other jobs), inputs (what its parents made is kept here) or unique (it
-- holds a unique key of this queue).
local job = ARGV[1]
local target = ARGV[2]
local keep_ms = tonumber(ARGV[3])
retention = ARGV[4]

local TRAVELS = {'attempt', 'deliveries', 'crashes', 'progress', 'started_at', 'worker'}

-- What keeps a job in this queue; nil: nothing.
local function bond(found)
  if found.dependents then return 'awaited' end
  if found.x.u then return 'unique' end
  return redis.call('EXISTS', prefix .. job .. ':inputs') == 1 and 'inputs' or nil
end

-- Fields and values of the status that the job keeps.
local function belongings()
  local fields = {}
  for i, value in ipairs(redis.call('HMGET', status_key(job), unpack(TRAVELS))) do
    if value then
      fields[#fields + 1] = TRAVELS[i]
      fields[#fields + 1] = value
    end
  end
  return fields
end

local found = part.unstarted.read(job)
if not found then return 'not_found' end
if target == queue then return 'here' end
if found.state ~= 'queued' and found.state ~= 'scheduled' then return found.state end
local kept_by = bond(found)
if kept_by then return kept_by end
local run_at = found.state == 'scheduled' and found.run_at or '0'
-- a job that starts late is looked for until then
local keep_trail_ms = math.max(keep_ms, part.unique.DAY) + math.max(run_at - now, 0)
local number = part.moves.latest(job) + 1
local full_id = target .. '-' .. job
local timeline = redis.call('LRANGE', prefix .. job .. ':timeline', 0, -1)
timeline[#timeline + 1] = part.timeline.moved_line(queue .. '-' .. job)
local message = {
  op = 'enqueue',
  spec = (found.lane or found.letter) .. redis.call('GETRANGE', prefix .. job, 1, -1),
  run_at = run_at,
  extras = cmsgpack.pack({
    x = {g = found.x.g, r = found.x.r},
    expires_in = found.expires_at and math.max(found.expires_at - now, 0) or nil,
  }),
  move = cmsgpack.pack({number = number, keep_ms = keep_trail_ms, fields = belongings(),
    timeline = timeline, error = redis.call('GET', prefix .. job .. ':error') or nil}),
  log = redis.call('EXISTS', prefix .. job .. ':log') == 1
    and 'moved:' .. job .. ':' .. number .. ':log' or nil,
}

allow_oom()
part.unstarted.leave_place(found)
send(full_id, message)
if message.log then
  redis.call('RENAME', prefix .. job .. ':log', key(message.log))
  redis.call('PEXPIRE', key(message.log), integer(keep_trail_ms))
end
if found.x.g then part.groups.count('open', found.x.g, -1) end
if found.x.k then part.unique.keep_key(found, 'moved', keep_ms) end
if found.expires_at then redis.call('ZREM', key('expiring'), job) end
part.finishing.forget({job})
part.moves.remember(job, full_id, number, keep_trail_ms)
event(job, found.state) -- who waits for its end has to look where it is now
publish_events()
return 'moved'
