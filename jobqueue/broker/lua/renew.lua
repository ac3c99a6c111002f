-- Extends leases that are still their holder's. Answers per pair: ok, lost or cancel.
local lease_ms = ARGV[1]
-- ARGV[2..]: id, token

local answers, leases = {}, {}
for i = 2, #ARGV, 2 do
  local status = redis.call('HMGET', status_key(ARGV[i]), 'state', 'token', 'cancel')
  if status[1] ~= 'active' or status[2] ~= ARGV[i + 1] then
    answers[#answers + 1] = 'lost'
  else
    leases[#leases + 1] = now + lease_ms
    leases[#leases + 1] = ARGV[i]
    answers[#answers + 1] = status[3] and 'cancel' or 'ok'
  end
end
allow_oom()
for first = 1, #leases, 1000 do
  redis.call('ZADD', key('leases'), 'XX', unpack(leases, first, math.min(first + 999, #leases)))
end
return answers
