--!include base events
-- Keeps the progress of running jobs and tells those who watch one. Answers the stale ids.
local worker = ARGV[1]
-- ARGV[2..]: id, token, progress

local live, stale = {}, {}
for i = 2, #ARGV, 3 do
  local status = redis.call('HMGET', status_key(ARGV[i]), 'state', 'token')
  if status[1] == 'active' and status[2] == ARGV[i + 1] then
    live[#live + 1] = i
  else
    stale[#stale + 1] = ARGV[i]
  end
end
allow_oom()
for _, i in ipairs(live) do
  redis.call('HSET', status_key(ARGV[i]), 'progress', integer(now) .. ' ' .. ARGV[i + 2])
  redis.call(PUBLISH, TO_ONE .. ARGV[i], string.sub(event_text(ARGV[i], 'active', worker), 1, -2)
    .. ',"progress":' .. ARGV[i + 2] .. '}')
end
return stale
