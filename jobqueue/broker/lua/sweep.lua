--!include version runnable
-- Returns jobs that were delivered to an inbox and not started for `patience_ms`, whether their
-- worker lives or not, and forgets workers that are silent for `silence_ms`. Looks at up to
-- `limit` workers, the most silent first. Answers how many jobs went back.
local patience_ms = ARGV[1]
local silence_ms = ARGV[2]
local limit = ARGV[3]

local strays_key = key('strays') -- "<worker> <id>" -> when it was first seen in the inbox
local workers = redis.call('ZRANGE', key('workers'), 0, limit - 1, 'WITHSCORES')
local seen = redis.call('HGETALL', strays_key)
local since = {}
for i = 1, #seen, 2 do since[seen[i]] = tonumber(seen[i + 1]) end

allow_oom()
local still, back, gone = {}, 0, {}
for i = 1, #workers, 2 do
  local worker = workers[i]
  local inbox_key = key('inbox:' .. worker)
  local inbox = redis.call('LRANGE', inbox_key, 0, 9)
  for _, id in ipairs(reversed(inbox)) do
    local name = worker .. ' ' .. id
    local first = math.min(since[name] or now, now)
    if now - first >= tonumber(patience_ms) then
      redis.call('LREM', inbox_key, 1, id)
      back = back + return_home(id)
    else
      still[#still + 1] = name
      still[#still + 1] = integer(first)
    end
  end
  if #inbox == 0 and now - workers[i + 1] > tonumber(silence_ms) then gone[#gone + 1] = worker end
end
if #seen > 0 then redis.call('DEL', strays_key) end
if #still > 0 then
  many('HSET', strays_key, still)
  redis.call('PEXPIRE', strays_key, 60000)
end
if #gone > 0 then redis.call('ZREM', key('workers'), unpack(gone)) end
make_runnable(back)
refill()
return back
