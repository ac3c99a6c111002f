--!include version events intake
-- Moves up to `limit` accepted jobs into the queue. Returns 1 while any are left.
local limit = ARGV[1]
retention = ARGV[2]

allow_oom()
local left = part.intake.move(tonumber(limit))
publish_events()
return left and 1 or 0
