--!include lanes
-- How many jobs are in each state, and which ready jobs may be the oldest. Answers {now, paused, queued,
-- scheduled, blocked, active, completed, dead, cancelled, then (id, run_at) of each lane's first}.

local LOOKS = 20 -- dropped hints at a lane's head that are looked past

local oldest = nil
local function consider(id)
  local spec = redis.call('EXISTS', prefix .. id)
  local status = redis.call('HMGET', status_key(id), 'state', 'run_at')
  if spec == 0 or (status[1] or 'queued') ~= 'queued' then return false end
  oldest = oldest or {}
  oldest[#oldest + 1] = id
  oldest[#oldest + 1] = status[2] or '0'
  return true
end

local function consider_first(ids)
  for i = #ids, 1, -1 do
    if consider(ids[i]) then return end
  end
end

consider_first(redis.call('LRANGE', key('handoff'), 0, -1))
for i = 1, 4 do consider_first(redis.call('LRANGE', key(LANES[i]), -LOOKS, -1)) end
if on.grouped then
  for _, name in ipairs({'ring', 'waiting'}) do
    for _, group in ipairs(redis.call('ZRANGE', key(name), 0, LOOKS - 1)) do
      for i = 1, 4 do consider_first(redis.call('LRANGE', lane_key(group, LANES[i]), -1, -1)) end
    end
  end
end
return {
  now,
  on.paused and 1 or 0,
  tonumber(redis.call('HGET', meta, 'queued') or 0),
  redis.call('ZCARD', key('scheduled')),
  redis.call('ZCARD', key('blocked')),
  redis.call('ZCARD', key('leases')),
  redis.call('ZCARD', key('completed')),
  redis.call('ZCARD', key('dead')),
  redis.call('ZCARD', key('cancelled')),
  unpack(oldest or {}),
}
