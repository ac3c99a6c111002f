-- Whether jobs of this queue may start at all: the gate is closed while the queue is paused, at
-- its concurrency cap, or at a rate limit. While it is closed the handoff stays empty.

-- When the gate opens: nil where it is open, infinity where no time opens it.
local function gate_opens()
  if on.paused then return math.huge end
  if on.cap and redis.call('ZCARD', key('leases')) >= tonumber(on.cap) then return math.huge end
  local left = on.gated and redis.call('PTTL', key('gate')) or -2
  return left > 0 and now + left or nil
end
