--!include base version finish
-- Removes finished jobs that are too old, and those beyond the count, at most `limit` of each
-- state. Answers how many it removed.
local limit = tonumber(ARGV[1])
local retention = ARGV[2]

allow_oom()
read_retention(retention)
local removed = 0
for state, most in pairs(keep) do
  local old = redis.call('ZRANGE', key(state), '-inf', now - most.age_ms, 'BYSCORE', 'LIMIT', 0, limit)
  removed = removed + forget_finished(state, old) + trim(state, most.count, limit - #old)
end
return removed
