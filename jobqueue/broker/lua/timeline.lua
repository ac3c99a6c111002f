-- How the deliveries of a job ended that were not its last; the last one is in its status.

local ENTRIES = 50 -- deliveries that a timeline keeps, the newest

-- `failure` is a JSON string (with its quotes) or nil.
local function note_delivery(id, outcome, started_at, ended_at, worker, failure)
  local line = '{"outcome":"' .. outcome .. '","started_at_ms":' .. (started_at or 'null')
    .. ',"ended_at_ms":' .. integer(ended_at) .. ',"worker_id":"' .. (worker or '') .. '"'
    .. (failure and failure ~= '' and ',"error":' .. failure or '') .. '}'
  redis.call('RPUSH', prefix .. id .. ':timeline', line)
  redis.call('LTRIM', prefix .. id .. ':timeline', -ENTRIES, -1)
end
