--!include base events runnable finish verdicts
-- Takes running jobs back from workers that stopped renewing, at most `limit` a call. A job that
-- was taken back `max_crashes` times in a row is dead: it kills its workers.
--
-- After a gap of `gap_ms` in the passes, or when time went backwards, nothing is taken for half a lease, so
-- that workers that live renew first. Answers {taken back, dead, cancelled, found} with the ids.
local lease_ms = tonumber(ARGV[1])
local limit = ARGV[2]
local max_crashes = tonumber(ARGV[3])
local keep_dead = ARGV[4]
local keep_cancelled = ARGV[5]
local gap_ms = tonumber(ARGV[6])

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
local states = {}
for i = 1, #ids do
  states[i] = redis.call('HMGET', status_key(ids[i]), 'state', 'lane', 'crashes', 'cancel', 'worker')
end
redis.call('HSET', meta, 'reaped_at', now)
redis.call('HDEL', meta, 'grace_until')

local back, dead, cancelled = {}, {}, {}
local FAILURE = '{"code":"crashed","message":"its workers died while they ran it"}'
for i = 1, #ids do
  local id, status = ids[i], states[i]
  local crashes = (tonumber(status[3]) or 0) + 1
  if status[1] == 'active' then
    redis.call('HDEL', status_key(id), 'token') -- a verdict that comes all the same is stale
  end
  if status[1] ~= 'active' then
    released[#released + 1] = id
  elseif status[4] then
    end_run(id, 'cancelled', status[5], nil, 'reason', 'cancelled')
    cancelled[#cancelled + 1] = id
  else
    redis.call('HSET', status_key(id), 'crashes', crashes)
    if crashes >= max_crashes then
      redis.call('SET', prefix .. id .. ':error', FAILURE)
      end_run(id, 'dead', status[5], '"its workers died while they ran it"', 'reason', 'crashed')
      dead[#dead + 1] = id
    else
      requeue(id, status[2], status[5])
      back[#back + 1] = id
    end
  end
end
release_all()
finish_all({dead = tonumber(keep_dead), cancelled = tonumber(keep_cancelled)})
make_runnable()
publish_events()
return {back, dead, cancelled, #ids}
