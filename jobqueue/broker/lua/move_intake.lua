--!include base events runnable intake
-- Moves up to `limit` accepted jobs into the queue. Returns 1 while any are left.
local limit = ARGV[1]

allow_oom()
local left = move_intake(tonumber(limit))
publish_events()
return left and 1 or 0
