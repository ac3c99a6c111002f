--!include events runnable
-- Moves due scheduled jobs into their lanes; at most `limit`. Returns how many were found.
-- They become runnable with the caller's `make_runnable`.

local function promote(limit)
  local ids = redis.call('ZRANGE', key('scheduled'), '-inf', now, 'BYSCORE', 'LIMIT', 0, limit)
  if #ids == 0 then return 0 end
  local jobs = {}
  for i = 1, #ids do jobs[i] = job_of(ids[i], {'lane', 'x'}) end
  many('ZREM', key('scheduled'), ids)
  forget_hint(ids)
  for _, job in ipairs(jobs) do
    redis.call('HSET', status_key(job.id), 'state', 'queued')
    ready(job.id, LANE_OF[job.lane or first_letter(job.id)], false, job.x.g)
    event(job.id, 'queued')
  end
  return #ids
end
