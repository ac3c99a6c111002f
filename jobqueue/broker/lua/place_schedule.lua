-- Writes where a schedule may be into the namespace's list, unless that has changed: `expected` is
-- what the caller read. A revision that never was, then queues, the newest first; empty: nowhere.
-- Returns 1, or 0 when it had changed.
local name = ARGV[1]
local expected = ARGV[2]
local written = ARGV[3]

local list = KEYS[1]
if (redis.call('HGET', list, name) or '') ~= expected then return 0 end
if written == '' then
  redis.call('HDEL', list, name)
else
  redis.call('HSET', list, name, written)
end
return 1
