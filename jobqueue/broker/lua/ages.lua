--!include lanes
--!module since overtakes lane_in_turn
-- How long jobs have waited, and what those are allowed that have waited too long.

local DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

-- Since when a job waits, by the time in its id (a ULID's first ten digits).
local function since(id, run_at)
  local created = 0
  for i = 1, 10 do
    created = created * 32 + string.find(DIGITS, string.sub(id, i, i), 1, true) - 1
  end
  return math.max(created, tonumber(run_at or 0))
end

-- Whether a job of the next lane has waited so long that it starts before the next one of this lane.
local function starves(lower_since, own_since)
  return now - lower_since > tonumber(on.starvation)
    and (not own_since or lower_since < own_since)
end

local function head_since(lane)
  local id = redis.call('LINDEX', lane, -1)
  return id and since(id, redis.call('HGET', status_key(id), 'run_at'))
end

-- The lane whose next job comes first, of the i-th and the one below it.
local function lane_in_turn(group, i)
  local own, lower = lane_key(group, LANES[i]), LANES[i + 1] and lane_key(group, LANES[i + 1])
  local lower_since = lower and head_since(lower)
  return lower_since and starves(lower_since, head_since(own)) and lower or own
end

-- Whether a candidate of the next lane has waited so long that it counts as one of this lane.
local function overtakes(candidate, own)
  if not candidate then return false end
  return starves(since(candidate.id, candidate.job.run_at), own and since(own.id, own.job.run_at))
end
