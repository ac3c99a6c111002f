-- The one way to cancel a job, at the same cost whatever the backlog: a lane entry stays behind
-- as a hint that is dropped when met.

local function read_for_cancel(job)
  if redis.call('EXISTS', prefix .. job) == 0 then return 'not_found' end
  return redis.call('HGET', status_key(job), 'state') or 'queued'
end

-- Cancels a job whose state was just read. Answers cancelled, requested (it runs: its worker is
-- told), already_finished or not_found; the caller's `finish_all` ends what is cancelled.
local function cancel_job(job, state, control)
  if state == 'not_found' then return state end
  if state == 'completed' or state == 'dead' or state == 'cancelled' then
    return 'already_finished'
  end
  if state == 'active' then
    redis.call('HSET', status_key(job), 'cancel', 1)
    redis.call('PUBLISH', control, queue .. '-' .. job)
    return 'requested'
  end
  redis.call('HSET', status_key(job), 'state', 'cancelled', 'finished_at', now,
    'reason', 'cancelled')
  if state == 'queued' then
    redis.call('HINCRBY', meta, 'queued', -1)
  else
    redis.call('ZREM', key('scheduled'), job)
  end
  finish(job, 'cancelled')
  event(job, 'cancelled')
  return 'cancelled'
end
