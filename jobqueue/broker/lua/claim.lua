--!include base events runnable promote intake
-- Hands up to `slots` jobs to a worker: first what is in its inbox, then the handoff, then the
-- lanes by priority. With 0 slots the inbox goes back. The same nonce gets the same answer.
--
-- Returns {now, more, due_in, id, spec, attempt, deliveries, crashes, run_at, ...}; due_in is
-- -1 unless this worker now holds the alarm for the next due job.
local worker = ARGV[1]
local nonce = ARGV[2]
local slots = tonumber(ARGV[3])
local lease_ms = tonumber(ARGV[4])

local LOOKS = 500 -- lane entries that one call looks at
local ALARM_MS = 3000 -- an alarm whose holder has not claimed for so long is anybody's

local inbox_key = key('inbox:' .. worker)
local last_key = key('last:' .. worker)
local NO_STATUS = {}
local FIELDS = {'state', 'lane', 'attempt', 'deliveries', 'crashes', 'run_at', 'token'}

local jobs = {} -- what this call answers
local taken = {} -- ids
local looked = 0 -- entries looked at so far

local function add_job(id, spec, status, deliveries)
  jobs[#jobs + 1] = id
  jobs[#jobs + 1] = spec
  jobs[#jobs + 1] = status[3] or '0'
  jobs[#jobs + 1] = deliveries
  jobs[#jobs + 1] = status[5] or '0'
  jobs[#jobs + 1] = status[6] or '0'
end

local function answer_again(last)
  for id in string.gmatch(string.sub(last, 34), '%S+') do
    local status = redis.call('HMGET', status_key(id), unpack(FIELDS))
    local spec = redis.call('GET', prefix .. id)
    if spec and status[1] == 'active' and status[7] == nonce then
      add_job(id, spec, status, status[4])
    end
  end
end

local candidates = {} -- {id, spec, status, lane} that may start
local met = {}

-- Looks at `ids`, in order; an entry is a hint: it counts only where the job is queued, and in
-- this lane (nil: any).
local function look_at(ids, lane)
  if #ids == 0 then return end
  looked = looked + #ids
  local keys, status_keys = {}, {}
  for i = 1, #ids do
    keys[i] = prefix .. ids[i]
    status_keys[i] = keys[i] .. ':status'
  end
  local specs = redis.call('MGET', unpack(keys))
  -- most jobs have never left `queued`: one look tells that none of these has a status
  local new = redis.call('EXISTS', unpack(status_keys)) == 0
  for i = 1, #ids do
    local id, spec = ids[i], specs[i]
    local status = spec and not met[id]
      and (new and NO_STATUS or redis.call('HMGET', status_keys[i], unpack(FIELDS)))
    local home = status and LANE_OF[status[2] or string.sub(spec, 1, 1)]
    if status and (status[1] or 'queued') == 'queued' and (not lane or lane == home) then
      met[id] = true
      candidates[#candidates + 1] = {id, spec, status, home}
    end
  end
end

local function reversed(ids)
  local result = {}
  for i = #ids, 1, -1 do result[#result + 1] = ids[i] end
  return result
end

-- Looks along a lane until enough may start; returns how many entries are used up.
local function look_along(lane)
  local used = 0
  while #candidates < slots and looked < LOOKS do
    local wanted = math.min(slots - #candidates, LOOKS - looked)
    local ids = redis.call('LRANGE', key(lane), -used - wanted, -used - 1)
    look_at(reversed(ids), lane)
    used = used + #ids
    if #ids < wanted then break end
  end
  return used
end

local function start(candidate)
  local id, spec, status, lane = unpack(candidate)
  local deliveries = (tonumber(status[4]) or 0) + 1
  redis.call('HSET', status_key(id), 'state', 'active', 'lane', string.sub(lane, 1, 1),
    'token', nonce, 'worker', worker, 'deliveries', deliveries, 'started_at', now)
  add_job(id, spec, status, deliveries)
  taken[#taken + 1] = id
  event(id, 'active', worker)
end

local function write_leases()
  if #taken == 0 then return end
  local arguments = {}
  for i = 1, #taken do
    arguments[#arguments + 1] = now + lease_ms
    arguments[#arguments + 1] = taken[i]
  end
  many('ZADD', key('leases'), arguments)
  redis.call('SET', last_key, nonce .. ' ' .. table.concat(taken, ' '), 'PX', lease_ms)
  redis.call('HINCRBY', meta, 'queued', -#taken)
end

local function take()
  local inbox = redis.call('LRANGE', inbox_key, 0, -1)
  local handoff = slots > #inbox and redis.call('LRANGE', key('handoff'), 0, -1) or {}
  look_at(reversed(inbox))
  look_at(handoff)
  local used = {}
  for i = 1, 4 do used[i] = look_along(LANES[i]) end
  -- all is read: from here on it is written
  if #inbox > 0 then redis.call('DEL', inbox_key) end
  if #handoff > 0 then redis.call('DEL', key('handoff')) end
  for i = 1, 4 do
    if used[i] > 0 then redis.call('RPOP', key(LANES[i]), used[i]) end
  end
  for i = 1, math.min(#candidates, slots) do start(candidates[i]) end
  local back = 0
  for i = #candidates, slots + 1, -1 do
    ready(candidates[i][1], candidates[i][4], true)
    back = back + 1
  end
  write_leases()
  make_runnable(back)
  refill()
end

-- Gives the alarm for the next due job to this worker when it has a slot to run it in.
local function alarm()
  local first = redis.call('ZRANGE', key('scheduled'), 0, 0, 'WITHSCORES')
  local at, holder = string.match(redis.call('GET', key('alarm')) or '', '^(%d+) (.*)$')
  local mine = holder == worker
  local due = tonumber(first[2])
  if not due or #taken >= slots then
    if mine then
      redis.call('DEL', key('alarm'))
      if due then wake_for(first[1]) end
    end
    return -1
  end
  if at and not mine and tonumber(at) <= due then return -1 end
  redis.call('SET', key('alarm'), integer(due) .. ' ' .. worker, 'PX', ALARM_MS)
  return math.max(due - now, 0)
end

local last = redis.call('GET', last_key)
if last and string.sub(last, 1, 32) == nonce then
  answer_again(last)
  return {now, 1, -1, unpack(jobs)}
end
allow_oom()
local promoted = 0
if slots > 0 then
  if redis.call('HGET', meta, 'intake') then move_intake(100) end
  local ids, lanes = due_jobs(math.max(slots, 50))
  promoted = #ids
  promote(ids, lanes)
  make_runnable()
end
take()
local due_in = alarm()
publish_events()
local more = #taken < slots and (looked >= LOOKS or promoted >= math.max(slots, 50)
  or redis.call('HEXISTS', meta, 'intake') == 1)
return {now, more and 1 or 0, due_in, unpack(jobs)}
