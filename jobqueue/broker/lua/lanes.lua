-- The keys of the lanes; those of a group ('' is none) are its own.

local LANE_KEYS = {}
for _, lane in ipairs(LANES) do LANE_KEYS[lane] = key(lane) end

local function lane_key(group, lane)
  if group == '' then return LANE_KEYS[lane] end
  return prefix .. 'group:' .. group .. ':' .. lane
end
