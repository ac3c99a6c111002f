--!include events runnable groups finishing unique
-- The one way out of `active`: what a verdict (or a lost worker) does to a running job.

local released = {} -- ids that leave `leases`
local released_groups = {}

local function release(job)
  released[#released + 1] = job.id
  local group = job.x.g
  if not group then return end
  part.groups.count('running', group, -1)
  released_groups[group] = true
end

-- Further fields of the status may follow.
local function end_run(job, state, worker, failure, ...)
  redis.call('HSET', status_key(job.id), 'state', state, 'finished_at', stamp, ...)
  release(job)
  part.finishing.finish(job, state)
  event(job.id, state, worker, failure)
end

-- Frees leases and limits; what they kept from starting may start.
local function release_all()
  if #released == 0 then return end
  many('ZREM', key('leases'), released)
  if not on.grouped then return end
  for group in pairs(released_groups) do part.groups.place(group) end
end

-- Why somebody cancelled a running job; the programs of layout 1 note only that.
local function why_cancelled(job) return job.cancel == '1' and 'cancelled' or job.cancel end
