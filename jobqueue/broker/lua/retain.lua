--!include version finishing
-- Removes finished jobs that are too old, and those beyond the count, at most `limit` in all.
-- Answers how many it removed.
local limit = tonumber(ARGV[1])
retention = ARGV[2]

allow_oom()
if on.moves and tonumber(on.moves) < now then turn_off('moves') end
local removed = 0
for state, most in pairs(part.finishing.keep) do
  local old = redis.call('ZRANGE', key(state), '-inf', now - most.age_ms, 'BYSCORE', 'LIMIT', 0,
    limit - removed)
  removed = removed + part.finishing.forget_finished(state, old)
  removed = removed + part.finishing.trim(state, most.count, limit - removed)
end
return removed
