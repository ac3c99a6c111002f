--!include events
-- Keeps the progress and the new log lines of running jobs, and tells those who watch one of its
-- progress. Answers the stale ids.
--
-- `lines` are "<age in ms> <text>", one a line; `first` is the number of the first of them in its
-- delivery. Lines that come a second time are not added again. Those of a delivery that has been
-- settled are still taken, as its worker may have logged them before: until the job is claimed
-- anew, or taken back, its token is the latest.
local worker = ARGV[1]
local keep_lines = tonumber(ARGV[2])
-- ARGV[3..]: id, token, progress, first, lines

local live, stale = {}, {} -- live: {where it starts in ARGV, whether it runs, last line known}
for i = 3, #ARGV, 5 do
  local id, token = ARGV[i], ARGV[i + 1]
  local status = redis.call('HMGET', status_key(id), 'state', 'token', 'logged')
  local own, runs = status[2] == token, status[1] == 'active'
  if not (own and runs) then stale[#stale + 1] = id end
  if ARGV[i + 4] ~= '' then redis.call('EXISTS', prefix .. id .. ':log') end
  if own then
    local logged, last = string.match(status[3] or '', '^(%S+) (%d+)$')
    live[#live + 1] = {i, runs, logged == token and tonumber(last) or 0}
  end
end

local function keep_progress(id, progress)
  redis.call('HSET', status_key(id), 'progress', integer(now) .. ' ' .. progress)
  redis.call(PUBLISH, TO_ONE .. id, string.sub(event_text(id, 'active', worker), 1, -2)
    .. ',"progress":' .. progress .. '}')
end

local function add_lines(id, token, number, lines, last)
  local entries = {}
  for age, text in string.gmatch(lines, '(%d+) ([^\n]*)') do
    if number > last then entries[#entries + 1] = integer(now - age) .. ' ' .. text end
    number = number + 1
  end
  if #entries == 0 then return end
  local log_key = prefix .. id .. ':log'
  many('RPUSH', log_key, entries)
  redis.call('LTRIM', log_key, -keep_lines, -1)
  redis.call('HSET', status_key(id), 'logged', token .. ' ' .. number - 1)
end

allow_oom()
for _, delivery in ipairs(live) do
  local i, runs, last = unpack(delivery)
  local id, token, progress, first, lines = unpack(ARGV, i, i + 4)
  if runs and progress ~= '' then keep_progress(id, progress) end
  if lines ~= '' then add_lines(id, token, tonumber(first), lines, last) end
end
return stale
