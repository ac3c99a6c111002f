--!include gate lanes groups ages
-- The one way for a job to become ready to start, and for idle workers to hear of it.
-- Liveness: the gate is open and a job may start => `handoff` or some inbox is not empty.

local ready_tail = {} -- lane key -> ids that queue up behind the others
local ready_head = {} -- lane key -> ids that start before the others, in this order
local ready_groups, ready_grouped = {}, false
local ready_count = 0

-- Notes that `id` is ready; `make_runnable` writes all of them at once.
local function ready(id, lane, first, group)
  group = group or ''
  local side = first and ready_head or ready_tail
  local target = lane_key(group, lane)
  local ids = side[target]
  if not ids then ids = {}; side[target] = ids end
  ids[#ids + 1] = id
  ready_groups[group] = true
  ready_grouped = ready_grouped or group ~= ''
  ready_count = ready_count + 1
end

local function hand_over(group)
  for i = 1, 4 do
    local lane = on.starvation and part.ages.lane_in_turn(group, i) or lane_key(group, LANES[i])
    local id = redis.call('LMOVE', lane, key('handoff'), 'RIGHT', 'LEFT')
    if id then return id end
  end
end

local MAX_TURNS = 100 -- groups with nothing to start that one call passes over

-- Moves the best ready job into an empty handoff, where idle workers block.
local function refill()
  if redis.call('LLEN', key('handoff')) > 0 or gate_opens() then return end
  if not on.grouped then return hand_over('') end
  for _ = 1, MAX_TURNS do
    local head = redis.call('ZRANGE', key('ring'), 0, 0, 'WITHSCORES')
    if not head[1] then return end
    local id = hand_over(head[1])
    if id then part.groups.take_turn(head[1], head[2], 1) end
    part.groups.place(head[1])
    if id then return end
  end
end

-- Writes all that `ready` noted. `counted`: how many of them were queued before, elsewhere.
local function make_runnable(counted)
  if ready_count == 0 then return end
  for lane, ids in pairs(ready_tail) do many('LPUSH', lane, ids) end
  for lane, ids in pairs(ready_head) do many('RPUSH', lane, reversed(ids)) end
  local added = ready_count - (counted or 0)
  if added ~= 0 then redis.call('HINCRBY', meta, 'queued', added) end
  if ready_grouped and not on.grouped then
    turn_on('grouped')
    ready_groups[''] = true
  end
  if on.grouped then
    for group in pairs(ready_groups) do part.groups.place(group) end
  end
  refill()
  ready_tail, ready_head, ready_count = {}, {}, 0
  ready_groups, ready_grouped = {}, false
end

-- Notes that a job which was delivered and not started is ready again, first in its lane. Answers 1,
-- or 0 where the entry was a hint for nothing.
local function return_home(id)
  local job, letter = job_of(id, {'state', 'lane', 'x'}), first_letter(id)
  if letter == '' or job.state ~= 'queued' then return 0 end
  ready(id, lane_of(job, letter), true, job.x.g)
  return 1
end

-- Takes the handoff back when the gate has closed in front of it.
local function empty_handoff()
  local id = redis.call('LPOP', key('handoff'))
  if id then make_runnable(return_home(id)) end
end

-- Puts a scheduled id into an empty handoff: a hint that wakes an idle worker, which drops
-- it and takes the alarm for the next due job.
local function wake_for(id)
  if redis.call('LLEN', key('handoff')) == 0 and not gate_opens() then
    redis.call('LPUSH', key('handoff'), id)
  end
end

-- Takes back the hint for a job that becomes ready, which would stand there and in its lane.
local function forget_hint(ids)
  local handed = redis.call('LINDEX', key('handoff'), 0)
  for _, id in ipairs(ids) do
    if id == handed then redis.call('LPOP', key('handoff')) end
  end
end

-- The first scheduled job: {id, when it is due}.
local function first_due() return redis.call('ZRANGE', key('scheduled'), 0, 0, 'WITHSCORES') end

-- Wakes somebody for the first scheduled job where it is another than `before`.
local function wake_for_first(before)
  local first = first_due()
  if first[2] and first[2] ~= before[2] then wake_for(first[1]) end
end
