--!include schedules
-- Reads up to 100 schedules by name. Answers {now, record or false, ...}.
-- ARGV[1..]: name

local answer = {now}
for i = 1, #ARGV do answer[i + 1] = record(ARGV[i]) end
return answer
