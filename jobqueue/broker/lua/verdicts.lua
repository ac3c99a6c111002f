-- The one way out of `active`: what a verdict (or a lost worker) does to a running job.

local ENTRIES = 50 -- attempts that a timeline keeps, the newest

local released = {} -- ids that leave `leases`
local released_groups = {}

local function release(job)
  released[#released + 1] = job.id
  local group = job.x.g
  if not group then return end
  count('running', group, -1)
  released_groups[group] = true
end

local function clear_run(job)
  release(job)
  redis.call('HDEL', status_key(job.id), 'cancel', 'deliveries', 'crashes', 'progress')
end

-- Keeps how a delivery ended that was not the job's last; the last one is in its status.
local function note_attempt(job, outcome, worker, failure)
  local started = redis.call('HGET', status_key(job.id), 'started_at')
  local line = '{"outcome":"' .. outcome .. '","started_at_ms":' .. (started or 'null')
    .. ',"ended_at_ms":' .. integer(now) .. ',"worker_id":"' .. (worker or '') .. '"'
    .. (failure and failure ~= '' and ',"error":' .. failure or '') .. '}'
  redis.call('RPUSH', prefix .. job.id .. ':timeline', line)
  redis.call('LTRIM', prefix .. job.id .. ':timeline', -ENTRIES, -1)
end

-- Why somebody cancelled a running job; the programs of layout 1 note only that.
local function why_cancelled(job) return job.cancel == '1' and 'cancelled' or job.cancel end

-- Further fields of the status may follow.
local function end_run(job, state, worker, failure, ...)
  redis.call('HSET', status_key(job.id), 'state', state, 'finished_at', now, ...)
  release(job)
  finish(job, state)
  event(job.id, state, worker, failure)
end

local function schedule(job, at, worker, failure)
  clear_run(job)
  redis.call('HSET', status_key(job.id), 'state', 'scheduled', 'run_at', integer(at))
  redis.call('ZADD', key('scheduled'), at, job.id)
  event(job.id, 'scheduled', worker, failure)
end

local function requeue(job, lane, worker)
  release(job)
  redis.call('HSET', status_key(job.id), 'state', 'queued')
  ready(job.id, LANE_OF[lane or 'n'], true, job.x.g)
  event(job.id, 'queued', worker)
end

-- Frees leases and limits; what they kept from starting may start.
local function release_all()
  if #released == 0 then return end
  many('ZREM', key('leases'), released)
  if not on.grouped then return end
  for group in pairs(released_groups) do place(group) end
end
