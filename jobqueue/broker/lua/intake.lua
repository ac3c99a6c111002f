-- How new jobs enter: directly, or from a batch that was staged because it is large.
-- A batch is a flat list of (id, spec, delay, run_at, extras), oldest at the left; `extras` is '' for
-- a job that asks for nothing else.

local PARTS_OF_JOB = 5

local function known(jobs)
  local keys = {}
  for i = 1, #jobs, PARTS_OF_JOB do keys[#keys + 1] = prefix .. jobs[i] end
  return redis.call('MGET', unpack(keys))
end

-- When the next scheduled job is due; asked only where one of `jobs` may be delayed.
local function next_due(jobs)
  for i = 1, #jobs, PARTS_OF_JOB do
    if jobs[i + 2] ~= '0' or jobs[i + 3] ~= '0' or jobs[i + 4] ~= '' then
      return redis.call('ZRANGE', key('scheduled'), 0, 0, 'WITHSCORES')[2]
    end
  end
end

local function entry_of(jobs, i)
  local extras = jobs[i + 4] ~= '' and cmsgpack.unpack(jobs[i + 4]) or nil
  return {
    id = jobs[i],
    spec = jobs[i + 1],
    at = math.max(now + tonumber(jobs[i + 2]), tonumber(jobs[i + 3])),
    letter = string.sub(jobs[i + 1], 1, 1),
    extras = extras,
    x = extras and extras.x or {},
  }
end

-- Decides on all jobs before anything is written. Answers the entries that come in, the answers, and
-- whether one is refused.
local function decide(jobs, existing)
  local room = on.size and not binding and room_left()
  local entries, answers, refused = {}, {}, false
  for i = 1, #jobs, PARTS_OF_JOB do
    local index = (i + 4) / PARTS_OF_JOB
    if existing[index] then
      answers[index] = redis.call('HGET', status_key(jobs[i]), 'state') or 'queued'
    else
      local entry = entry_of(jobs, i)
      if room and #entries >= room then
        answers[index] = '!full ' .. integer(on.size - room) .. ' ' .. on.size
      elseif entry.extras then
        answers[index] = admit(entry)
      else
        entry.state = entry.at > now and 'scheduled' or 'queued'
        answers[index] = entry.state
      end
      if entry.state then entries[#entries + 1] = entry end
      refused = refused or string.sub(answers[index], 1, 1) == '!'
    end
  end
  return entries, answers, refused
end

-- Writes what an entry has beyond its spec and its place.
local function write_extras(entry)
  local status, x = {}, entry.x
  raise_layout()
  if next(x) then
    status = {'x', cmsgpack.pack(x)}
    if x.g then count('open', x.g, 1) end
  end
  local expires_in = entry.extras.expires_in
  if expires_in then
    status[#status + 1] = 'expires_at'
    status[#status + 1] = integer(now + expires_in)
    redis.call('ZADD', key('expiring'), now + expires_in, entry.id)
  end
  if #status > 0 then redis.call('HSET', status_key(entry.id), unpack(status)) end
  if entry.edges then write_edges(entry.id, entry.edges) end
end

-- Puts an entry where its state says.
local function write_place(entry, due)
  local id, state = entry.id, entry.state
  if state == 'queued' then
    ready(id, LANE_OF[entry.letter], false, entry.x.g)
  elseif state == 'scheduled' then
    due[#due + 1] = entry.at
    due[#due + 1] = id
    redis.call('HSET', status_key(id), 'state', 'scheduled', 'run_at', integer(entry.at),
      'lane', entry.letter)
  elseif state == 'blocked' then
    redis.call('HSET', status_key(id), 'state', 'blocked', 'run_at', integer(entry.at))
    redis.call('ZADD', key('blocked'), now, id)
  else
    end_blocked(entry, state, entry.edges.parent, entry.edges.parent_state)
    return
  end
  event(id, state)
end

local function write(entries)
  local specs, due = {}, {}
  for _, entry in ipairs(entries) do
    specs[#specs + 1] = prefix .. entry.id
    specs[#specs + 1] = entry.spec
  end
  for first = 1, #specs, 1000 do
    redis.call('MSET', unpack(specs, first, math.min(first + 999, #specs)))
  end
  for _, action in ipairs(changes) do action() end
  for _, entry in ipairs(entries) do
    if entry.extras then write_extras(entry) end
    write_place(entry, due)
  end
  if #due > 0 then many('ZADD', key('scheduled'), due) end
  finish_all()
  make_runnable()
end

-- Accepts `jobs`. Answers what `admission` says of each. `mode`: each for itself, all or none of them
-- (atomic), none at all (check), or all of them whatever has changed (staged).
local function accept_all(jobs, mode)
  local existing, due_before = known(jobs), next_due(jobs)
  binding = mode == 'staged'
  local entries, answers, refused = decide(jobs, existing)
  if mode == 'check' or (mode == 'atomic' and refused) then return answers end
  write(entries)
  local first = next_due(jobs) and redis.call('ZRANGE', key('scheduled'), 0, 0, 'WITHSCORES') or {}
  if first[2] and first[2] ~= due_before then wake_for(first[1]) end
  return answers
end

-- Keeps what became of the jobs of a staged batch that did not simply come in, for its producer.
local function note_answers(batch, jobs, answers)
  local notes = {}
  for index, answer in ipairs(answers) do
    local sign = string.sub(answer, 1, 1)
    if sign == '=' or sign == '!' then
      notes[#notes + 1] = jobs[(index - 1) * PARTS_OF_JOB + 1]
      notes[#notes + 1] = answer
    end
  end
  if #notes == 0 then return end
  many('HSET', key('answers:' .. batch), notes)
  redis.call('PEXPIRE', key('answers:' .. batch), 600000)
end

-- Whether there are accepted batches to move.
local function arriving() return on.batches or on.intake end

-- Moves up to `limit` jobs of the oldest accepted batch. Answers whether any are left.
local move_intake
do
  -- Layout 1 has no extras. Its programs move batches on as well, so those of this layout are in a
  -- list that they do not know, under another mark in `meta`.
  local function with_extras(jobs)
    local result = {}
    for i = 1, #jobs, 4 do
      for part = i, i + 3 do result[#result + 1] = jobs[part] end
      result[#result + 1] = ''
    end
    return result
  end

  local BATCHES = {mark = 'batches', parts = PARTS_OF_JOB, read = function(jobs) return jobs end}
  local BATCHES_OF_LAYOUT_1 = {mark = 'intake', parts = 4, read = with_extras}

  function move_intake(limit)
    local kind = on.intake and BATCHES_OF_LAYOUT_1 or BATCHES
    local batch = redis.call('LINDEX', key(kind.mark), -1)
    local staged = batch and key('batch:' .. batch)
    local taken = batch and redis.call('LRANGE', staged, 0, kind.parts * limit - 1) or {}
    if #taken > 0 then
      local jobs = kind.read(taken)
      note_answers(batch, jobs, accept_all(jobs, 'staged'))
      redis.call('LTRIM', staged, #taken, -1)
    end
    if batch and #taken < kind.parts * limit then redis.call('RPOP', key(kind.mark)) end
    if redis.call('LLEN', key(kind.mark)) == 0 then turn_off(kind.mark) end
    return arriving()
  end
end
