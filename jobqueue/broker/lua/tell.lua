--!include base version events gate groups runnable unique finish outbox dependencies
-- Tells a job of this queue how a parent in another has ended; a second time changes nothing.
local job = ARGV[1]
local peer = ARGV[2]
local state = ARGV[3]
local result = ARGV[4]
local retention = ARGV[5]

local child = child_of(job)
local policy = redis.call('HGET', prefix .. job .. ':waits', peer)
foresee_end(child)
allow_oom()
read_retention(retention)
if child.letter ~= '' then tell(child, peer, policy, state, result) end
finish_all()
make_runnable()
publish_events()
return child.state
