--!include older runnable rates
-- Sets limits of a queue; one with an empty value is lifted. Groups take them up by `place_groups`.
-- ARGV[1..]: field, value

local refusal = part.older.refuse_beside()
if refusal then return refusal end
allow_oom()
raise_layout()
for i = 1, #ARGV, 2 do
  local field, value = ARGV[i], ARGV[i + 1]
  if value == '' then turn_off(field) else turn_on(field, value) end
end
part.rates.apply()
if gate_opens() then empty_handoff() else refill() end
return 1
