--!module note add moved_line
-- How the deliveries of a job ended that were not its last; the last one is in its status.

local ENTRIES = 50 -- deliveries that a timeline keeps, the newest

local function add(id, lines)
  many('RPUSH', prefix .. id .. ':timeline', lines)
  redis.call('LTRIM', prefix .. id .. ':timeline', -ENTRIES, -1)
end

-- `failure` is a JSON string (with its quotes) or nil.
local function note(id, outcome, started_at, ended_at, worker, failure)
  local line = '{"outcome":"' .. outcome .. '","started_at_ms":' .. (started_at or 'null')
    .. ',"ended_at_ms":' .. integer(ended_at) .. ',"worker_id":"' .. (worker or '') .. '"'
    .. (failure and failure ~= '' and ',"error":' .. failure or '') .. '}'
  add(id, {line})
end

-- Says that the job had the full id `from` until now.
local function moved_line(from)
  return '{"outcome":"moved","started_at_ms":null,"ended_at_ms":' .. stamp
    .. ',"worker_id":"","moved_from":"' .. from .. '"}'
end
