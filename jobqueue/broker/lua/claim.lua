--!include version events gate groups rates runnable unique unstarted dependencies intake promote streams selection
-- Hands up to `slots` jobs to a worker: first what is in its inbox, then the handoff, then the
-- lanes by priority. With 0 slots the inbox goes back. The same nonce gets the same answer.
--
-- Returns {now, more, due_in, id, spec, attempt, deliveries, crashes, run_at, group, ...};
-- due_in is -1 unless this worker now holds the alarm for the next due job.
local worker = ARGV[1]
local nonce = ARGV[2]
local slots = tonumber(ARGV[3])
local lease_ms = tonumber(ARGV[4])
retention = ARGV[5]

local ALARM_MS = 3000 -- an alarm whose holder has not claimed for so long is anybody's

local inbox_key = key('inbox:' .. worker)
local last_key = key('last:' .. worker .. ':' .. string.sub(nonce, -1)) -- of this strand

local jobs = {} -- what this call answers
local taken = {} -- ids
local more = false
local ends = false -- whether jobs may have ended in this call

local function add_job(id, spec, job, deliveries)
  jobs[#jobs + 1] = id
  jobs[#jobs + 1] = spec
  jobs[#jobs + 1] = job.attempt or '0'
  jobs[#jobs + 1] = deliveries
  jobs[#jobs + 1] = job.crashes or '0'
  jobs[#jobs + 1] = job.run_at or '0'
  jobs[#jobs + 1] = job.x.g or ''
end

local function answer_again(last)
  for id in string.gmatch(string.sub(last, 34), '%S+') do
    local job, spec = job_of(id, FIELDS), redis.call('GET', prefix .. id)
    if spec and job.state == 'active' and job.token == nonce then
      add_job(id, spec, job, job.deliveries or 1)
    end
  end
end

-- How many jobs may start in this queue now.
local function room_of_queue()
  local room = slots
  if room == 0 or gate_opens() then return 0 end
  if on.cap then room = math.min(room, on.cap - redis.call('ZCARD', key('leases'))) end
  if on.rate then room = part.rates.room(on.rate, key('starts'), room) end
  return room
end

local function start(candidate)
  local id, job = candidate.id, candidate.job
  local deliveries = (tonumber(job.deliveries) or 0) + 1
  redis.call('HSET', status_key(id), 'state', 'active', 'token', nonce, 'worker', worker,
    'started_at', stamp)
  if deliveries > 1 then redis.call('HSET', status_key(id), 'deliveries', deliveries) end
  if job.expires_at then
    redis.call('HDEL', status_key(id), 'expires_at')
    redis.call('ZREM', key('expiring'), id)
  end
  if job.holders and job.holders.first == id then part.unique.write_holders(job, '', '') end
  add_job(id, candidate.spec, job, deliveries)
  taken[#taken + 1] = id
  event(id, 'active', worker)
end

local function write_leases()
  if #taken == 0 then return end
  local arguments, expiry = {}, integer(now + lease_ms)
  for i = 1, #taken do
    arguments[#arguments + 1] = expiry
    arguments[#arguments + 1] = taken[i]
  end
  many('ZADD', key('leases'), arguments)
  redis.call('SET', last_key, nonce .. ' ' .. table.concat(taken, ' '), 'PX', lease_ms)
  redis.call('HINCRBY', meta, 'queued', -#taken)
end

-- Counts what started against the limits of its group.
local function spend_groups(started)
  for group, number in pairs(started) do
    local rate = part.groups.limits_of(group).rate
    part.groups.count('running', group, number)
    if rate then part.rates.note(rate, part.groups.starts_key(group), number) end
    if on.grouped then part.groups.place(group) end
  end
  for _, turn in ipairs(turns) do
    if turn.taken > 0 then part.groups.take_turn(turn.group, turn.score, turn.taken) end
    part.groups.place(turn.group)
  end
end

-- Counts it against the rate of the queue.
local function spend_rate()
  if not on.rate or #taken == 0 then return end
  local opens = part.rates.note(on.rate, key('starts'), #taken)
  if opens then part.rates.close_gate(opens - now) end
end

-- Starts what may, in order; the rest goes back. Answers how many went back.
local function start_all(candidates, room)
  local back, rooms, started = 0, {}, {}
  for _, candidate in ipairs(candidates) do
    local group = candidate.group
    if group ~= '' and not rooms[group] then rooms[group] = part.groups.room(group, slots) end
    if room > 0 and (group == '' or rooms[group] > 0) then
      room = room - 1
      start(candidate)
      if group ~= '' then
        rooms[group] = rooms[group] - 1
        started[group] = (started[group] or 0) + 1
      end
    else
      back = back + 1
      ready(candidate.id, candidate.lane, true, candidate.group)
    end
  end
  if next(started) or turns[1] then spend_groups(started) end
  spend_rate()
  return back
end

local function take()
  local room = room_of_queue()
  local inbox = redis.call('LRANGE', inbox_key, 0, -1)
  local handoff = room > #inbox and redis.call('LRANGE', key('handoff'), 0, -1) or {}
  local candidates = {}
  look_at(reversed(inbox), candidates)
  look_at(handoff, candidates)
  local left = room - #candidates
  if left > 0 and on.grouped then
    more = choose_in_turn(left, candidates)
  elseif left > 0 then
    choose_from('', left, left, candidates)
  end
  -- all is read: from here on it is written
  if #inbox > 0 then redis.call('DEL', inbox_key) end
  if #handoff > 0 then redis.call('DEL', key('handoff')) end
  pop_used()
  for _, job in ipairs(expired) do part.unstarted.end_unstarted(job, 'cancelled', 'expired') end
  local back = start_all(candidates, room)
  write_leases()
  if ends or expired[1] then part.finishing.finish_all() end
  make_runnable(back)
  if on.grouped then part.groups.close_ring() end
  if gate_opens() then empty_handoff() else refill() end
end

-- When this queue next has something to start by time alone: {time, id of a scheduled job}.
local function next_time()
  local first = first_due()
  local due, id = tonumber(first[2]), first[1]
  local opens = gate_opens()
  if opens == math.huge then return nil end
  if on.grouped and not opens then
    local waiting = tonumber(redis.call('ZRANGE', key('waiting'), 0, 0, 'WITHSCORES')[2])
    if waiting and waiting < (due or math.huge) then return waiting end
  end
  if not opens then return due, id end
  local ready_jobs = tonumber(redis.call('HGET', meta, 'queued') or 0) > 0
  if ready_jobs or not due then return opens, id end
  return math.max(opens, due), id
end

-- Gives the alarm for that time to this worker when it has a slot to run a job in.
local function alarm()
  local due, id = next_time()
  local at, holder = string.match(redis.call('GET', key('alarm')) or '', '^(%d+) (.*)$')
  local mine = holder == worker
  if not due or due == math.huge or #taken >= slots then
    if mine then
      redis.call('DEL', key('alarm'))
      if due and id then wake_for(id) end
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
  local arriving = on.batches or on.intake
  ends = arriving or on.releasing
  if arriving then part.intake.move(100) end
  if on.releasing then part.dependencies.release(100) end
  promoted = promote(math.max(slots, 50))
  if on.grouped then part.groups.reopen(100) end
  make_runnable()
end
take()
local due_in = alarm()
publish_events()
more = #taken < slots and (more or looked >= LOOKS or promoted >= math.max(slots, 50)
  or on.batches or on.intake or on.releasing)
return {now, more and 1 or 0, due_in, unpack(jobs)}
