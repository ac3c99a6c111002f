--!module number_of trail_key remember
-- Jobs that were moved from queue to queue. `moved:<id>` is "<full id> <number>" of the latest move that
-- this queue knows of: where it sent the job, or that the job came here. A job's moves are counted, so
-- that a message which comes a second time is recognised, and whoever follows a job goes forward only.

local function trail_key(id) return key('moved:' .. id) end

-- The number of the latest move of a job that is known here, 0 for none.
local function number_of(id)
  return tonumber(string.match(redis.call('GET', trail_key(id)) or '', ' (%d+)$') or 0)
end

local function remember(id, full_id, number, keep_ms)
  redis.call('SET', trail_key(id), full_id .. ' ' .. number, 'PX', integer(keep_ms))
  local until_ms = now + keep_ms
  if tonumber(on.moves or 0) < until_ms then turn_on('moves', integer(until_ms)) end
end
