--!include version
-- Accepts a staged batch of `total` jobs in one step. Returns 1, 0 when it is gone, and
-- {room, size} where the queue has no room for it.
local batch = ARGV[1]
local total = ARGV[2]

refuse_while_moving()
local staged = key('batch:' .. batch)
if redis.call('SISMEMBER', key('accepted'), batch) == 1 then return 1 end
if redis.call('LLEN', staged) ~= 5 * total then return 0 end
if on.size then
  local room = room_left()
  if room < tonumber(total) then return {on.size - room, tonumber(on.size)} end
end
if not on.version then raise_layout() end
turn_on('batches')
redis.call('PERSIST', staged)
redis.call('SADD', key('accepted'), batch)
redis.call('PEXPIRE', key('accepted'), 600000)
redis.call('LPUSH', key('batches'), batch)
return 1
