-- Publishes transitions, at the cost of one command a call when nobody listens.
--
-- In a cluster an ordinary PUBLISH would go to every node, and nobody could tell whether anyone
-- listens; there the channels carry the queue's tag and belong to the node that has its keys.

local PUBLISH = CLUSTER and 'SPUBLISH' or 'PUBLISH'
local NUMSUB = CLUSTER and 'SHARDNUMSUB' or 'NUMSUB'
local TO_ALL = CLUSTER and 'job_status:{' .. queue .. '}' or 'job_status'
local TO_ONE = CLUSTER and TO_ALL .. '-' or 'job_status:' .. queue .. '-'

local events = {}

-- `failure` is a JSON string (with its quotes) or nil.
local function event(id, state, worker, failure)
  events[#events + 1] = {id, state, worker, failure}
end

local function event_text(id, state, worker, failure)
  return '{"jobId":"' .. queue .. '-' .. id .. '","status":"' .. state .. '","workerId":'
    .. (worker and worker ~= '' and '"' .. worker .. '"' or 'null')
    .. ',"timestamp":' .. stamp
    .. (failure and failure ~= '' and ',"error":' .. failure or '') .. '}'
end

local function publish_events()
  if #events == 0 then return end
  local channels = {TO_ALL}
  for i = 1, #events do channels[i + 1] = TO_ONE .. events[i][1] end
  local listeners = redis.call('PUBSUB', NUMSUB, unpack(channels))
  local patterns = not CLUSTER and redis.call('PUBSUB', 'NUMPAT') > 0
  for i = 1, #events do
    local to_one = patterns or listeners[2 * i + 2] > 0
    local to_all = patterns or listeners[2] > 0
    if to_one or to_all then
      local text = event_text(unpack(events[i], 1, 4))
      if to_all then redis.call(PUBLISH, TO_ALL, text) end
      if to_one then redis.call(PUBLISH, channels[i + 1], text) end
    end
  end
end
