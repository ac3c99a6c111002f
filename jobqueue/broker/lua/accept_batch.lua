-- Accepts a staged batch of `total` jobs in one step. Returns 1, 0 when it is gone, and
-- {room, size} where the queue has no room for it.
local batch = ARGV[1]
local total = ARGV[2]
local version = ARGV[3]

refuse_while_moving()
local staged = key('batch:' .. batch)
if redis.call('SISMEMBER', key('accepted'), batch) == 1 then return 1 end
if redis.call('LLEN', staged) ~= 5 * total then return 0 end
if on.size then
  local room = room_left()
  if room < tonumber(total) then return {on.size - room, tonumber(on.size)} end
end
redis.call('HSET', meta, 'version', version)
turn_on('intake')
redis.call('PERSIST', staged)
redis.call('SADD', key('accepted'), batch)
redis.call('PEXPIRE', key('accepted'), 600000)
redis.call('LPUSH', key('intake'), batch)
return 1
