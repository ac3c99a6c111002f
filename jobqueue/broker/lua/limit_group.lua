--!include older runnable
-- Sets the limits of one group: a packed map of what differs from the queue's, '' for nothing.
local group = ARGV[1]
local limits = ARGV[2]

local refusal = part.older.refuse_beside()
if refusal then return refusal end
allow_oom()
raise_layout()
if limits == '' then
  redis.call('HDEL', key('limits'), group)
  if redis.call('EXISTS', key('limits')) == 0 then turn_off('own_limits') end
else
  redis.call('HSET', key('limits'), group, limits)
  turn_on('own_limits')
end
if on.grouped then
  empty_handoff()
  part.groups.place(group)
end
refill()
return 1
