--!include base finish
-- Removes finished jobs that are too old, and those beyond the count, at most `limit` of each
-- state. Answers how many it removed.
local limit = ARGV[1]
-- ARGV[2..]: state, age_ms, keep

allow_oom()
local removed = 0
for i = 2, #ARGV, 3 do
  local state = ARGV[i]
  local ids = redis.call('ZRANGE', key(state), '-inf', now - ARGV[i + 1], 'BYSCORE', 'LIMIT', 0, limit)
  if #ids > 0 then
    redis.call('ZREM', key(state), unpack(ids))
    forget(ids)
  end
  removed = removed + #ids + trim(state, tonumber(ARGV[i + 2]), tonumber(limit) - #ids)
end
return removed
