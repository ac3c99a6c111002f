--!include version events unique unstarted dependencies intake promote runnable groups
-- Moves on what is due, at most `limit` jobs in all: scheduled jobs, jobs that were to start before now,
-- dependents of ended jobs, groups whose time has come, staged batches. Answers {promoted, more}.
local limit = tonumber(ARGV[1])
retention = ARGV[2]

-- Ends jobs that were to start before now. Answers how many it looked at.
local function expire(most)
  local ids = redis.call('ZRANGE', key('expiring'), '-inf', now, 'BYSCORE', 'LIMIT', 0, most)
  local jobs = {}
  for i = 1, #ids do
    jobs[i] = job_of(ids[i], part.unstarted.UNSTARTED)
    if jobs[i].x.u then part.unique.foresee_end(jobs[i]) end
  end
  if #ids > 0 then redis.call('ZREM', key('expiring'), unpack(ids)) end
  for _, job in ipairs(jobs) do
    if job.expires_at and not FINAL[job.state] then part.unstarted.end_unstarted(job, 'cancelled', 'expired') end
  end
  return #ids
end

allow_oom()
local expired = expire(limit)
local promoted = promote(limit - expired)
local left = limit - expired - promoted
local releasing = on.releasing and part.dependencies.release(left)
if on.grouped then part.groups.reopen(limit) end
make_runnable()
if expired > 0 or on.releasing or releasing == false then part.finishing.finish_all() end
local moving = (on.batches or on.intake) and (left <= 0 or part.intake.move(left))
refill()
publish_events()
return {promoted, (left <= 0 or releasing or moving) and 1 or 0}
