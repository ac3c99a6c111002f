--!include version verdicts deliveries
-- Takes running jobs back from workers that stopped renewing, at most `limit` a call. A job that
-- was taken back `max_crashes` times in a row is dead: it kills its workers.
--
-- After a gap of `gap_ms` in the passes, or when time went backwards, nothing is taken for half a lease, so
-- that workers that live renew first. Answers {taken back, dead, cancelled, found} with the ids.
local lease_ms = tonumber(ARGV[1])
local limit = ARGV[2]
local max_crashes = tonumber(ARGV[3])
retention = ARGV[4]
local gap_ms = tonumber(ARGV[5])

local FIELDS = {'state', 'lane', 'x', 'crashes', 'cancel', 'worker', 'dependents',
  'deliveries'}
local FAILURE = '{"code":"crashed","message":"its workers died while they ran it"}'
local MESSAGE = '"its workers died while they ran it"'

allow_oom()
local reaper = redis.call('HMGET', meta, 'reaped_at', 'grace_until')
local reaped_at, grace_until = tonumber(reaper[1]), tonumber(reaper[2] or 0)
if not reaped_at or now < reaped_at or now - reaped_at > gap_ms then
  grace_until = now + lease_ms / 2
end
if now < grace_until then
  redis.call('HSET', meta, 'reaped_at', now, 'grace_until', grace_until)
  return {{}, {}, {}, 0}
end

local ids = redis.call('ZRANGE', key('leases'), '-inf', now, 'BYSCORE', 'LIMIT', 0, limit)
local jobs = {}
for i = 1, #ids do
  jobs[i] = job_of(ids[i], FIELDS)
  if jobs[i].x.u then part.unique.foresee_end(jobs[i]) end
end
redis.call('HSET', meta, 'reaped_at', now)
redis.call('HDEL', meta, 'grace_until')

local back, dead, cancelled = {}, {}, {}

local function take_back(job)
  local crashes = (tonumber(job.crashes) or 0) + 1
  redis.call('HDEL', status_key(job.id), 'token') -- a verdict that comes all the same is stale
  if job.cancel then
    end_run(job, 'cancelled', job.worker, nil, 'reason', why_cancelled(job))
    cancelled[#cancelled + 1] = job.id
    return
  end
  redis.call('HSET', status_key(job.id), 'crashes', crashes, 'deliveries', job.deliveries or 1)
  if crashes >= max_crashes then
    redis.call('SET', prefix .. job.id .. ':error', FAILURE)
    end_run(job, 'dead', job.worker, MESSAGE, 'reason', 'crashed')
    dead[#dead + 1] = job.id
  else
    part.deliveries.note_attempt(job, 'crashed', job.worker)
    part.deliveries.requeue(job, job.lane, job.worker)
    back[#back + 1] = job.id
  end
end

for _, job in ipairs(jobs) do
  if job.state == 'active' then take_back(job) else released[#released + 1] = job.id end
end
release_all()
part.finishing.finish_all()
make_runnable()
if #released > 0 then refill() end
publish_events()
return {back, dead, cancelled, #ids}
