-- Writes the queues in which a schedule may be, the newest first, into the namespace's list,
-- unless they have changed: `expected` is what the caller read. Returns 1, or 0 when they had.
local name = ARGV[1]
local expected = ARGV[2]
local queues = ARGV[3]

local places = KEYS[1]
if (redis.call('HGET', places, name) or '') ~= expected then return 0 end
if queues == '' then
  redis.call('HDEL', places, name)
else
  redis.call('HSET', places, name, queues)
end
return 1
