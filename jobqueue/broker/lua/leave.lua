--!include runnable
-- Signs a worker off: what was delivered to it and not started goes back, first in its lane.
local worker = ARGV[1]

local inbox = redis.call('LRANGE', key('inbox:' .. worker), 0, -1)
local back = 0
for _, id in ipairs(reversed(inbox)) do back = back + return_home(id) end
local holder = string.match(redis.call('GET', key('alarm')) or '', '^%d+ (.*)$')
allow_oom()
redis.call('DEL', key('inbox:' .. worker), key('worker:' .. worker), key('last:' .. worker .. ':0'),
  key('last:' .. worker .. ':1'),
  key('quiet:' .. worker))
redis.call('ZREM', key('workers'), worker)
make_runnable(back)
refill()
if holder == worker then
  redis.call('DEL', key('alarm'))
  local first = redis.call('ZRANGE', key('scheduled'), 0, 0)[1]
  if first then wake_for(first) end
end
return back
