-- Publishes transitions, at the cost of one command a call when nobody listens.

local events = {}

-- `failure` is a JSON string (with its quotes) or nil.
local function event(id, state, worker, failure)
  events[#events + 1] = {id, state, worker, failure}
end

local function event_text(id, state, worker, failure)
  return '{"jobId":"' .. queue .. '-' .. id .. '","status":"' .. state .. '","workerId":'
    .. (worker and worker ~= '' and '"' .. worker .. '"' or 'null')
    .. ',"timestamp":' .. integer(now)
    .. (failure and failure ~= '' and ',"error":' .. failure or '') .. '}'
end

local function publish_events()
  if #events == 0 then return end
  local channels = {'job_status'}
  for i = 1, #events do channels[i + 1] = 'job_status:' .. queue .. '-' .. events[i][1] end
  local listeners = redis.call('PUBSUB', 'NUMSUB', unpack(channels))
  local patterns = redis.call('PUBSUB', 'NUMPAT') > 0
  for i = 1, #events do
    local to_one = patterns or listeners[2 * i + 2] > 0
    local to_all = patterns or listeners[2] > 0
    if to_one or to_all then
      local text = event_text(unpack(events[i], 1, 4))
      if to_all then redis.call('PUBLISH', 'job_status', text) end
      if to_one then redis.call('PUBLISH', channels[i + 1], text) end
    end
  end
end
