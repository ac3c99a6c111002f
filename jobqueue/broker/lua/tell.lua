--!include version events runnable unique dependencies finishing
-- Tells a job of this queue how a parent in another has ended; a second time changes nothing.
local job = ARGV[1]
local peer = ARGV[2]
local state = ARGV[3]
local result = ARGV[4]
retention = ARGV[5]

local child = part.dependencies.child_of(job)
local policy = redis.call('HGET', prefix .. job .. ':waits', peer)
if child.x.u then part.unique.foresee_end(child) end
allow_oom()
if child.letter ~= '' then part.dependencies.tell(child, peer, policy, state, result) end
part.finishing.finish_all()
make_runnable()
publish_events()
return child.state
