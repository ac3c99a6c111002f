--!module latest remember
-- Jobs that were moved from queue to queue. `moved:<id>` is "<full id> <number>" of the latest move that
-- this queue knows of: where it sent the job, or that the job came here. A job's moves are counted, so
-- that a message which comes a second time is recognised, and whoever follows a job goes forward only.

-- The number of the latest move of a job that is known here, 0 for none, and the full id that the job
-- has elsewhere since, nil where it has none.
local function latest(id)
  local full_id, number = string.match(redis.call('GET', key('moved:' .. id)) or '', '^(%S+) (%d+)$')
  local elsewhere = full_id ~= queue .. '-' .. id and full_id or nil
  return tonumber(number or 0), elsewhere
end

local function remember(id, full_id, number, keep_ms)
  redis.call('SET', key('moved:' .. id), full_id .. ' ' .. number, 'PX', integer(keep_ms))
  local until_ms = now + keep_ms
  if tonumber(on.moves or 0) < until_ms then turn_on('moves', integer(until_ms)) end
end
