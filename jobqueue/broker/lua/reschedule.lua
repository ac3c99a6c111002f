--!include version events runnable unstarted
-- Lets a queued or scheduled job start at another time. Answers scheduled, its other state, or not_found.
local job = ARGV[1]
local run_at_ms = ARGV[2]

local found = part.unstarted.read(job)
if not found then return 'not_found' end
if found.state ~= 'scheduled' and found.state ~= 'queued' then return found.state end
local before = first_due()
allow_oom()
part.unstarted.leave_place(found)
redis.call('HSET', status_key(job), 'state', 'scheduled', 'run_at', run_at_ms,
  'lane', found.lane or found.letter)
redis.call('ZADD', key('scheduled'), run_at_ms, job)
refill()
wake_for_first(before)
event(job, 'scheduled')
publish_events()
return 'scheduled'
