--!module overtakes
-- Jobs that have waited too long count as jobs of the next higher lane.

local DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

-- Since when a candidate waits, by the time in its id (a ULID's first ten digits).
local function since(candidate)
  local created = 0
  for i = 1, 10 do
    created = created * 32 + string.find(DIGITS, string.sub(candidate.id, i, i), 1, true) - 1
  end
  return math.max(created, tonumber(candidate.job.run_at or 0))
end

-- Whether a candidate of the next lane has waited so long that it counts as one of this lane.
local function overtakes(candidate, own)
  if not candidate then return false end
  local waiting_since = since(candidate)
  return now - waiting_since > tonumber(on.starvation) and (not own or waiting_since < since(own))
end
