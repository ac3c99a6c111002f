--!include version events runnable unstarted
-- Lets a scheduled job start now. Answers queued, its other state, or not_found.
local job = ARGV[1]

local found = part.unstarted.read(job)
if not found then return 'not_found' end
if found.state ~= 'scheduled' then return found.state end
allow_oom()
part.unstarted.leave_place(found)
forget_hint({job})
redis.call('HSET', status_key(job), 'state', 'queued', 'run_at', now)
ready(job, lane_of(found, found.letter), false, found.x.g)
make_runnable()
event(job, 'queued')
publish_events()
return 'queued'
