-- The one way for a job to end: its final state, its place in the listing, its retention.

local finished = {completed = {}, dead = {}, cancelled = {}} -- state -> ZADD arguments

local function finish(id, state)
  local set = finished[state]
  set[#set + 1] = now
  set[#set + 1] = id
end

local function forget(ids)
  local keys = {}
  for i = 1, #ids do
    local id = ids[i]
    keys[#keys + 1] = prefix .. id
    keys[#keys + 1] = status_key(id)
    keys[#keys + 1] = prefix .. id .. ':result'
    keys[#keys + 1] = prefix .. id .. ':error'
    keys[#keys + 1] = prefix .. id .. ':log'
  end
  for first = 1, #keys, 1000 do
    redis.call('UNLINK', unpack(keys, first, math.min(first + 999, #keys)))
  end
end

-- Removes the oldest jobs of a final state beyond `keep`, at most `limit` of them.
local function trim(state, keep, limit)
  local excess = math.min(redis.call('ZCARD', key(state)) - keep, limit)
  if excess <= 0 then return 0 end
  local popped = redis.call('ZPOPMIN', key(state), excess)
  local ids = {}
  for i = 1, #popped, 2 do ids[#ids + 1] = popped[i] end
  forget(ids)
  return #ids
end

-- Writes the listing of all that finished; `keep` = state -> most jobs kept.
local function finish_all(keep)
  for state, set in pairs(finished) do
    if #set > 0 then
      many('ZADD', key(state), set)
      trim(state, keep[state], #set) -- #set is twice the jobs added
    end
  end
end
