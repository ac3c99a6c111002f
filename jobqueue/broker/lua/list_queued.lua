--!include base
-- One page of the queued jobs in the order in which they start. The position is a lane (0: the
-- handoff and inboxes, then 1 to 4) and how many of its entries, counted from the next to
-- start, were looked at; `last` is the last of them. Looks at up to `limit` entries; answers
-- {lane, offset, last, id, ...}; lane 5 is the end.
local lane = tonumber(ARGV[1])
local offset = tonumber(ARGV[2])
local last = ARGV[3]
local limit = tonumber(ARGV[4])

local function queued(id, name)
  local spec = redis.call('GETRANGE', prefix .. id, 0, 0)
  if spec == '' then return false end
  local status = redis.call('HMGET', status_key(id), 'state', 'lane')
  return (status[1] or 'queued') == 'queued'
    and (not name or LANE_OF[status[2] or spec] == name)
end

local ids = {}
local function add(candidates, name)
  for _, id in ipairs(candidates) do
    if queued(id, name) then ids[#ids + 1] = id end
  end
end

if lane == 0 then
  for _, worker in ipairs(redis.call('ZRANGE', key('workers'), 0, 499)) do
    add(redis.call('LRANGE', key('inbox:' .. worker), 0, -1))
  end
  add(redis.call('LRANGE', key('handoff'), 0, -1))
  local page = {unpack(ids, offset + 1, offset + limit)}
  if #page < limit then return {1, 0, '', unpack(page)} end
  return {0, offset + limit, '', unpack(page)}
end

-- Entries leave only at the head, so the last id listed is where it was or nearer to the head.
local name = LANES[lane]
if last ~= '' and offset > 0 then
  local where = redis.call('LPOS', key(name), last, 'RANK', -1, 'MAXLEN', offset)
  offset = where and redis.call('LLEN', key(name)) - where or 0
end
local entries = redis.call('LRANGE', key(name), -offset - limit, -offset - 1)
local page = {}
for i = #entries, 1, -1 do page[#page + 1] = entries[i] end
add(page, name)
if #entries < limit then return {lane + 1, 0, '', unpack(ids)} end
return {lane, offset + #entries, entries[1], unpack(ids)}
