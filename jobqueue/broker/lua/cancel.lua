--!include base events runnable finish
-- Cancels one job, at the same cost whatever the backlog: a lane entry stays behind as a hint
-- that is dropped when met. Answers cancelled, requested, already_finished or not_found.
local job = ARGV[1]
local control = ARGV[2]
local keep = ARGV[3]

local spec = redis.call('GETRANGE', prefix .. job, 0, 0)
local status = redis.call('HMGET', status_key(job), 'state', 'worker')
local state = status[1] or 'queued'
if spec == '' then return 'not_found' end
if state == 'completed' or state == 'dead' or state == 'cancelled' then
  return 'already_finished'
end
allow_oom()
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
finish_all({cancelled = tonumber(keep)})
event(job, 'cancelled')
publish_events()
return 'cancelled'
