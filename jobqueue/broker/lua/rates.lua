--!module room note close_gate apply
-- Rates: 'count period_ms' is at most `count` starts in any `period_ms`, a sliding window over the times
-- of the last `count` starts.

local function read_rate(rate)
  local count, period = string.match(rate, '^(%d+) (%d+)$')
  return tonumber(count), tonumber(period)
end

-- How many of `wanted` may start now, and when the next may if none.
local function room(rate, starts, wanted)
  local count, period = read_rate(rate)
  local length = redis.call('LLEN', starts)
  local old = redis.call('LRANGE', starts, math.max(length - count, 0),
    math.max(length - count, 0) + wanted - 1)
  local free = math.max(count - length, 0)
  for _, at in ipairs(old) do
    if tonumber(at) > now - period and tonumber(at) <= now then break end
    free = free + 1
  end
  if free > 0 then return math.min(free, wanted) end
  return 0, tonumber(old[1]) + period
end

-- Notes `started` starts; answers when the next may follow, nil where it may at once.
local function note(rate, starts, started)
  local count, period = read_rate(rate)
  local times = {}
  for i = 1, math.min(started, count) do times[i] = integer(now) end
  many('RPUSH', starts, times)
  redis.call('LTRIM', starts, -count, -1)
  redis.call('PEXPIRE', starts, period)
  local _, opens = room(rate, starts, 1)
  return opens
end

local function close_gate(ms)
  if redis.call('PTTL', key('gate')) < ms then redis.call('SET', key('gate'), 1, 'PX', ms) end
  turn_on('gated')
end

-- Closes or opens the gate as a rate that was just set says.
local function apply()
  redis.call('DEL', key('gate'))
  if not on.rate then
    redis.call('DEL', key('starts'))
    turn_off('gated')
    return
  end
  local _, opens = room(on.rate, key('starts'), 1)
  if opens then close_gate(opens - now) end
end
