--!include version finishing
-- Forgets those of some jobs that are in a final state. Answers how many it forgot.
local state = ARGV[1]
-- ARGV[2..]: id

local found = {}
for i = 2, #ARGV do
  if redis.call('ZSCORE', key(state), ARGV[i]) then found[#found + 1] = ARGV[i] end
end
allow_oom()
return part.finishing.forget_finished(state, found)
