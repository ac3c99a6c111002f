-- Moves due scheduled jobs into their lanes; at most `limit`. Returns how many were found.
-- They become runnable with the caller's `make_runnable`.

local function due_jobs(limit)
  local ids = redis.call('ZRANGE', key('scheduled'), '-inf', now, 'BYSCORE', 'LIMIT', 0, limit)
  local lanes = {}
  for i = 1, #ids do
    lanes[i] = LANE_OF[redis.call('HGET', status_key(ids[i]), 'lane') or 'n']
  end
  return ids, lanes
end

local function promote(ids, lanes)
  if #ids == 0 then return end
  many('ZREM', key('scheduled'), ids)
  for i = 1, #ids do
    redis.call('HSET', status_key(ids[i]), 'state', 'queued')
    ready(ids[i], lanes[i])
    event(ids[i], 'queued')
  end
end
