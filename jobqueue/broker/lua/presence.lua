-- The workers of a queue that beat lately, the latest first, at most `limit`: their own words.
local limit = ARGV[1]

local workers = redis.call('ZRANGE', key('workers'), 0, limit - 1, 'REV')
local infos = {}
for _, worker in ipairs(workers) do
  local info = redis.call('GET', key('worker:' .. worker))
  if info then infos[#infos + 1] = info end
end
return infos
