--!include version schedules
-- Reads up to `limit` schedules that are due, the longest due first. Answers {now, record, ...}.
local limit = ARGV[1]

local names = redis.call('ZRANGE', due_key, '-inf', now, 'BYSCORE', 'LIMIT', 0, limit)
local answer = {now}
for i = 1, #names do answer[i + 1] = record(names[i]) end
return answer
