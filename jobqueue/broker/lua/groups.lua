--!include lanes rates
--!module limits_of room place take_turn reopen close_ring count starts_key
-- Groups of jobs (a tenant's, or those of one limit key) share the workers in turn. A group has
-- lanes of its own; while it has jobs it is listed in `groups`, and has a place in `ring` when one may
-- start, and in `waiting` until one may. The one with the lowest score in the ring is next; each job
-- that it starts adds to its score, and `debts` keeps the scores of those that left. Jobs without a
-- group are the group '', which has no limits but the queue's.

local function starts_key(group) return prefix .. 'group:' .. group .. ':starts' end

local known_limits = {}

-- {weight, paused, cap, rate, size} of a group: its own, else what the queue says for each.
local function limits_of(group)
  local limits = known_limits[group]
  if limits then return limits end
  local own = on.own_limits and group ~= '' and redis.call('HGET', key('limits'), group)
  limits = own and cmsgpack.unpack(own) or {}
  if group ~= '' then
    limits.cap = limits.cap or tonumber(on.group_cap or nil)
    limits.rate = limits.rate or on.group_rate or nil
    limits.size = limits.size or tonumber(on.group_size or nil)
  end
  limits.weight = limits.weight or 1
  known_limits[group] = limits
  return limits
end

-- Until when a group that met a limit elsewhere is left alone, nil where it is not.
local function held_until(group) return tonumber(redis.call('HGET', key('held'), group) or nil) end

-- How many of `wanted` jobs of a group may start now, and when the next may if none.
local function room(group, wanted)
  if group == '' then return wanted end
  local limits = limits_of(group)
  if limits.paused then return 0, math.huge end
  local held = on.holds and held_until(group)
  if held and held > now then return 0, held end
  if limits.cap then
    local running = tonumber(redis.call('HGET', key('running'), group) or 0)
    wanted = math.min(wanted, limits.cap - running)
    if wanted <= 0 then return 0, math.huge end
  end
  if limits.rate then return part.rates.room(limits.rate, starts_key(group), wanted) end
  return wanted
end

local function has_jobs(group)
  return redis.call('EXISTS', lane_key(group, 'critical'), lane_key(group, 'high'),
    lane_key(group, 'normal'), lane_key(group, 'low')) > 0
end

-- Into the ring. A group that comes back has saved up nothing, and still owes for the jobs that it
-- started before it left.
local function enter_ring(group)
  if redis.call('ZSCORE', key('ring'), group) then return end
  local debt = tonumber(redis.call('ZSCORE', key('debts'), group) or 0)
  redis.call('ZADD', key('ring'), math.max(tonumber(on.turn or 0), debt), group)
  redis.call('ZREM', key('debts'), group)
end

local function leave_ring(group)
  local score = redis.call('ZSCORE', key('ring'), group)
  if not score then return end
  redis.call('ZREM', key('ring'), group)
  if tonumber(score) > tonumber(on.turn or 0) then redis.call('ZADD', key('debts'), score, group) end
end

-- Puts a group where it belongs now: in the ring, among the waiting, or nowhere.
local function place(group)
  local free, opens = 0, nil
  local jobs = has_jobs(group)
  if jobs then
    free, opens = room(group, 1)
    redis.call('ZADD', key('groups'), 0, group)
  else
    redis.call('ZREM', key('groups'), group)
  end
  local held = on.holds and held_until(group)
  if held and held <= now then redis.call('HDEL', key('held'), group) end
  if free > 0 then
    enter_ring(group)
    redis.call('ZREM', key('waiting'), group)
    return
  end
  leave_ring(group)
  if jobs then
    redis.call('ZADD', key('waiting'), opens == math.huge and '+inf' or opens, group)
  else
    redis.call('ZREM', key('waiting'), group)
  end
end

-- Charges a group in the ring for `taken` jobs.
local function take_turn(group, score, taken)
  redis.call('ZADD', key('ring'), 'XX', score + taken / limits_of(group).weight, group)
  turn_on('turn', score)
  redis.call('ZREMRANGEBYSCORE', key('debts'), '-inf', score)
end

-- Puts groups whose time has come back into the ring, at most `limit`.
local function reopen(limit)
  local open = redis.call('ZRANGE', key('waiting'), '-inf', now, 'BYSCORE', 'LIMIT', 0, limit)
  for _, group in ipairs(open) do place(group) end
  if on.holds and redis.call('EXISTS', key('held')) == 0 then turn_off('holds') end
end

-- Forgets that there were groups once none has jobs, so that the others pay nothing for them.
local function close_ring()
  if redis.call('EXISTS', key('waiting')) == 1 then return end
  local left = redis.call('ZRANGE', key('ring'), 0, 1)
  if #left == 0 or (#left == 1 and left[1] == '') then
    redis.call('DEL', key('ring'), key('groups'), key('debts'))
    turn_off('turn')
    turn_off('grouped')
  end
end

-- Counts the running (`running`) or the open (`open`) jobs of a group.
local function count(name, group, by)
  if redis.call('HINCRBY', key(name), group, by) <= 0 then
    redis.call('HDEL', key(name), group)
  end
end
