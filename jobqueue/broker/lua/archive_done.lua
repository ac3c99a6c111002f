--!include base version
-- Removes jobs that the archive has, as they ended then: one that was queued again and has ended anew
-- stays. Answers how many it removed.
-- ARGV[1..]: id, ended_at

local done = {}
for i = 1, #ARGV, 2 do
  local ended_at = redis.call('ZSCORE', key('archive'), ARGV[i])
  if ended_at and tonumber(ended_at) == tonumber(ARGV[i + 1]) then done[#done + 1] = ARGV[i] end
end
allow_oom()
if #done > 0 then many('ZREM', key('archive'), done) end
return #done
