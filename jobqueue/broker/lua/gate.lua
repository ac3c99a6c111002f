-- Whether jobs of this queue may start at all: the gate is closed while the queue is paused, at
-- its concurrency cap, or at a rate limit. While it is closed the handoff stays empty.

-- When the gate opens: nil where it is open, infinity where no time opens it.
local function gate_opens()
  if on.paused then return math.huge end
  if on.cap and redis.call('ZCARD', key('leases')) >= tonumber(on.cap) then return math.huge end
  local left = on.gated and redis.call('PTTL', key('gate')) or -2
  return left > 0 and now + left or nil
end

local function close_gate(ms)
  if redis.call('PTTL', key('gate')) < ms then redis.call('SET', key('gate'), 1, 'PX', ms) end
  turn_on('gated')
end

-- A rate is 'count period_ms': at most `count` starts in any `period_ms`, a sliding window over
-- the times of the last `count` starts.
local function read_rate(rate)
  local count, period = string.match(rate, '^(%d+) (%d+)$')
  return tonumber(count), tonumber(period)
end

-- How many of `wanted` may start now, and when the next may if none.
local function rate_room(rate, starts, wanted)
  local count, period = read_rate(rate)
  local length = redis.call('LLEN', starts)
  local old = redis.call('LRANGE', starts, math.max(length - count, 0),
    math.max(length - count, 0) + wanted - 1)
  local room = math.max(count - length, 0)
  for _, at in ipairs(old) do
    if tonumber(at) > now - period and tonumber(at) <= now then break end
    room = room + 1
  end
  if room > 0 then return math.min(room, wanted) end
  return 0, tonumber(old[1]) + period
end

-- Closes or opens the gate as a rate that was just set says.
local function apply_rate()
  redis.call('DEL', key('gate'))
  if not on.rate then
    redis.call('DEL', key('starts'))
    turn_off('gated')
    return
  end
  local _, opens = rate_room(on.rate, key('starts'), 1)
  if opens then close_gate(opens - now) end
end

-- Notes `started` starts; answers when the next may follow, nil where it may at once.
local function note_starts(rate, starts, started)
  local count, period = read_rate(rate)
  local times = {}
  for i = 1, math.min(started, count) do times[i] = integer(now) end
  many('RPUSH', starts, times)
  redis.call('LTRIM', starts, -count, -1)
  redis.call('PEXPIRE', starts, period)
  local _, opens = rate_room(rate, starts, 1)
  return opens
end
