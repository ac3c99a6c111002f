--!include base version events gate groups runnable unique finish unstarted outbox dependencies admission intake promote
-- Moves on what is due, at most `limit` jobs in all: scheduled jobs, jobs that were to start before now,
-- dependents of ended jobs, groups whose time has come, staged batches. Answers {promoted, more}.
local limit = tonumber(ARGV[1])
local retention = ARGV[2]

-- Ends jobs that were to start before now. Answers how many it looked at.
local function expire(most)
  local ids = redis.call('ZRANGE', key('expiring'), '-inf', now, 'BYSCORE', 'LIMIT', 0, most)
  local jobs = {}
  for i = 1, #ids do
    jobs[i] = job_of(ids[i], UNSTARTED)
    foresee_end(jobs[i])
  end
  if #ids > 0 then redis.call('ZREM', key('expiring'), unpack(ids)) end
  for _, job in ipairs(jobs) do
    if job.expires_at and not FINAL[job.state] then end_unstarted(job, 'cancelled', 'expired') end
  end
  return #ids
end

allow_oom()
read_retention(retention)
local expired = expire(limit)
local promoted = promote(limit - expired)
local left = limit - expired - promoted
local releasing = on.releasing and release_dependents(left)
reopen_groups(limit)
make_runnable()
finish_all()
local moving = arriving() and (left <= 0 or move_intake(left))
refill()
publish_events()
return {promoted, (left <= 0 or releasing or moving) and 1 or 0}
