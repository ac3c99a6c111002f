--!include base events runnable
-- Queues a dead or cancelled job again, with all its attempts. Answers queued, not_retryable or
-- not_found.
local job = ARGV[1]

local spec = redis.call('GETRANGE', prefix .. job, 0, 0)
local status = redis.call('HMGET', status_key(job), 'state', 'lane')
local state = status[1]
if spec == '' then return 'not_found' end
if state ~= 'dead' and state ~= 'cancelled' then return 'not_retryable' end
allow_oom()
redis.call('ZREM', key(state), job)
redis.call('HDEL', status_key(job), 'attempt', 'deliveries', 'crashes', 'cancel', 'reason',
  'run_at', 'started_at', 'finished_at', 'progress', 'worker')
redis.call('HSET', status_key(job), 'state', 'queued')
ready(job, LANE_OF[status[2] or spec])
make_runnable()
event(job, 'queued')
publish_events()
return 'queued'
