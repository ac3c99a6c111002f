--!include base version gate groups runnable
-- Sets limits of a queue; one with an empty value is lifted. Groups take them up by `place_groups`.
-- ARGV[1..]: field, value

local refusal = refuse_beside_older()
if refusal then return refusal end
allow_oom()
raise_layout()
for i = 1, #ARGV, 2 do
  local field, value = ARGV[i], ARGV[i + 1]
  if value == '' then redis.call('HDEL', meta, field) else redis.call('HSET', meta, field, value) end
  on[field] = value ~= '' and value
end
if not on.rate and on.gated and redis.call('DEL', key('starts')) == 1 then
  redis.call('DEL', key('gate'))
  turn_off('gated')
end
if gate_opens() then empty_handoff() else refill() end
return 1
