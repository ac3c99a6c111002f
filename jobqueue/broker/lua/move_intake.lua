--!include base version events gate groups runnable unique finish outbox dependencies admission intake
-- Moves up to `limit` accepted jobs into the queue. Returns 1 while any are left.
local limit = ARGV[1]
local retention = ARGV[2]

allow_oom()
read_retention(retention)
local left = move_intake(tonumber(limit))
publish_events()
return left and 1 or 0
