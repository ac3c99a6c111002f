--!include verdicts timeline
--!module note_attempt clear_run schedule requeue
-- What a delivery that was not the last one does to its job.

local function note_attempt(job, outcome, worker, failure)
  local started_at = redis.call('HGET', status_key(job.id), 'started_at')
  part.timeline.note(job.id, outcome, started_at, now, worker, failure)
end

local function clear_run(job)
  release(job)
  redis.call('HDEL', status_key(job.id), 'cancel', 'deliveries', 'crashes', 'progress')
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
  ready(job.id, LANE_OF[lane or first_letter(job.id)], true, job.x.g)
  event(job.id, 'queued', worker)
end
