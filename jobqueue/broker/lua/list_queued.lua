--!include lanes
-- One page of the queued jobs, group after group in the order in which each group's start. The
-- position is a lane (0: the handoff and inboxes, then 1 to 4), its group ('': jobs without one) and
-- how many of its entries, counted from the next to start, were looked at; `last` is the last of
-- them. Looks at up to `limit` entries; answers {lane, group, offset, last, id, ...}; lane 5 is the end.
local lane = tonumber(ARGV[1])
local group = ARGV[2]
local offset = tonumber(ARGV[3])
local last = ARGV[4]
local limit = tonumber(ARGV[5])

local function queued(id, name)
  local letter = first_letter(id)
  if letter == '' then return false end
  local job = job_of(id, {'state', 'lane', 'x'})
  return job.state == 'queued'
    and (not name or lane_of(job, letter) == name and (job.x.g or '') == group)
end

local ids = {}
local function add(candidates, name)
  for _, id in ipairs(candidates) do
    if queued(id, name) then ids[#ids + 1] = id end
  end
end

-- The group after this one by name, nil after the last.
local function next_group()
  return redis.call('ZRANGE', key('groups'), '(' .. group, '+', 'BYLEX', 'LIMIT', 0, 1)[1]
end

if lane == 0 then
  for _, worker in ipairs(redis.call('ZRANGE', key('workers'), 0, 499)) do
    add(redis.call('LRANGE', key('inbox:' .. worker), 0, -1))
  end
  add(redis.call('LRANGE', key('handoff'), 0, -1))
  local page = {unpack(ids, offset + 1, offset + limit)}
  if #page < limit then return {1, '', 0, '', unpack(page)} end
  return {0, '', offset + limit, '', unpack(page)}
end

-- Entries leave only at the head, so the last id listed is where it was or nearer to the head.
local name = LANES[lane]
local target = lane_key(group, name)
local WINDOWS, WINDOW = 8, 500 -- entries that may have left since the last page before it starts anew

local function position_of_last()
  local length = redis.call('LLEN', target)
  local first = math.max(length - offset, 0)
  for _ = 1, WINDOWS do
    local window = redis.call('LRANGE', target, first, first + WINDOW - 1)
    for i = 1, #window do
      if window[i] == last then return length - first - i + 1 end
    end
    if #window < WINDOW then return 0 end
    first = first + WINDOW
  end
  return 0
end

if last ~= '' and offset > 0 then offset = position_of_last() end
local entries = redis.call('LRANGE', target, -offset - limit, -offset - 1)
local page = {}
for i = #entries, 1, -1 do page[#page + 1] = entries[i] end
add(page, name)
if #entries == limit then return {lane, group, offset + #entries, entries[1], unpack(ids)} end
if lane < 4 then return {lane + 1, group, 0, '', unpack(ids)} end
local following = next_group()
return {following and 1 or 5, following or '', 0, '', unpack(ids)}
