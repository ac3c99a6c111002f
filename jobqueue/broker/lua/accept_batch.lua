--!include version groups
-- Accepts a staged batch of `total` jobs in one step, of which `coming` are new: others stand for the
-- rest. Returns 1, 0 when it is gone, and {there, size} where the queue, {there, size, group} where one
-- of its groups has no room for it.
local batch = ARGV[1]
local total = ARGV[2]
local coming = tonumber(ARGV[3])
-- ARGV[4..]: group, how many of its jobs are coming

refuse_while_moving()
local staged = key('batch:' .. batch)
if redis.call('SISMEMBER', key('accepted'), batch) == 1 then return 1 end
if redis.call('LLEN', staged) ~= 5 * total then return 0 end
if on.size then
  local room = room_left()
  if room < coming then return {on.size - room, tonumber(on.size)} end
end
if on.group_size or on.own_limits then
  for i = 4, #ARGV, 2 do
    local group = ARGV[i]
    local size = part.groups.limits_of(group).size
    local open = size and tonumber(redis.call('HGET', key('open'), group) or 0)
    if size and open + ARGV[i + 1] > size then return {open, size, group} end
  end
end
if not on.version then raise_layout() end
turn_on('batches')
redis.call('PERSIST', staged)
redis.call('SADD', key('accepted'), batch)
redis.call('PEXPIRE', key('accepted'), 600000)
redis.call('LPUSH', key('batches'), batch)
return 1
