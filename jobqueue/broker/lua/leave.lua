--!include base runnable
-- Signs a worker off: what was delivered to it and not started goes back, first in its lane.
local worker = ARGV[1]

local inbox = redis.call('LRANGE', key('inbox:' .. worker), 0, -1)
local states = {}
for i = 1, #inbox do
  states[i] = redis.call('HMGET', status_key(inbox[i]), 'state', 'lane')
  states[i].spec = redis.call('GETRANGE', prefix .. inbox[i], 0, 0)
end
local back = 0
for i = 1, #inbox do
  if states[i].spec ~= '' and (states[i][1] or 'queued') == 'queued' then
    ready(inbox[i], LANE_OF[states[i][2] or states[i].spec], true)
    back = back + 1
  end
end
local holder = string.match(redis.call('GET', key('alarm')) or '', '^%d+ (.*)$')
allow_oom()
redis.call('DEL', key('inbox:' .. worker), key('worker:' .. worker), key('last:' .. worker))
redis.call('ZREM', key('workers'), worker)
make_runnable(back)
refill()
if holder == worker then
  redis.call('DEL', key('alarm'))
  local first = redis.call('ZRANGE', key('scheduled'), 0, 0)[1]
  if first then wake_for(first) end
end
return back
