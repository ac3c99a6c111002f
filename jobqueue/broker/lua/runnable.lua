-- The one way for a job to become ready to start, and for idle workers to hear of it.
-- Liveness: a job is ready => `handoff` or some inbox is not empty.

local ready_tail = {} -- lane -> ids that queue up behind the others
local ready_head = {} -- lane -> ids that start before the others
local ready_count = 0

-- Notes that `id` is ready; `make_runnable` writes all of them at once.
local function ready(id, lane, first)
  local side = first and ready_head or ready_tail
  local ids = side[lane]
  if not ids then ids = {}; side[lane] = ids end
  ids[#ids + 1] = id
  ready_count = ready_count + 1
end

-- Moves the best ready job into an empty handoff, where idle workers block.
local function refill()
  if redis.call('LLEN', key('handoff')) > 0 then return end
  for i = 1, 4 do
    if redis.call('LMOVE', key(LANES[i]), key('handoff'), 'RIGHT', 'LEFT') then return end
  end
end

-- Writes all that `ready` noted. `counted`: how many of them were queued before, elsewhere.
local function make_runnable(counted)
  for lane, ids in pairs(ready_tail) do many('LPUSH', key(lane), ids) end
  for lane, ids in pairs(ready_head) do many('RPUSH', key(lane), ids) end
  local added = ready_count - (counted or 0)
  if added ~= 0 then redis.call('HINCRBY', meta, 'queued', added) end
  if ready_count > 0 then refill() end
  ready_tail, ready_head, ready_count = {}, {}, 0
end

-- Puts a scheduled id into an empty handoff: a hint that wakes an idle worker, which drops
-- it and takes the alarm for the next due job.
local function wake_for(id)
  if redis.call('LLEN', key('handoff')) == 0 then redis.call('LPUSH', key('handoff'), id) end
end
