-- The one way out of `active`: what a verdict (or a lost worker) does to a running job.

local released = {} -- ids that leave `leases`

local function clear_run(id)
  released[#released + 1] = id
  redis.call('HDEL', status_key(id), 'cancel', 'deliveries', 'crashes', 'progress')
end

-- Further fields of the status may follow.
local function end_run(id, state, worker, failure, ...)
  redis.call('HSET', status_key(id), 'state', state, 'finished_at', now, ...)
  released[#released + 1] = id
  finish(id, state)
  event(id, state, worker, failure)
end

local function schedule(id, at, worker, failure)
  clear_run(id)
  redis.call('HSET', status_key(id), 'state', 'scheduled', 'run_at', integer(at))
  redis.call('ZADD', key('scheduled'), at, id)
  event(id, 'scheduled', worker, failure)
end

local function requeue(id, lane, worker)
  released[#released + 1] = id
  redis.call('HSET', status_key(id), 'state', 'queued')
  ready(id, LANE_OF[lane or 'n'], true)
  event(id, 'queued', worker)
end

local function release_all()
  if #released > 0 then many('ZREM', key('leases'), released) end
end
