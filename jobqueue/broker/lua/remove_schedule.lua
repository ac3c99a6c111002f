--!include version schedules
-- Removes a schedule, unless it has changed since the caller read it: `expected` is its stamp
-- then. Returns 1, or 0 when it had changed.
local name = ARGV[1]
local expected = ARGV[2]

if stamp_of(name) ~= expected then return 0 end
redis.call('DEL', standing_key(name))
redis.call('HDEL', definitions_key, name)
redis.call('ZREM', due_key, name)
return 1
