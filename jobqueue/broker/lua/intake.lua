--!include version events runnable groups dependencies finishing admission
--!module accept_all move known
-- How new jobs enter: directly, or from a batch that was staged because it is large.
-- A batch is a flat list of (id, spec, delay, run_at, extras), oldest at the left; `extras` is '' for
-- a job that asks for nothing else.

local PARTS_OF_JOB = 5

local function read_each(jobs, start)
  local keys = {}
  for i = 1, #jobs, PARTS_OF_JOB do keys[#keys + 1] = start .. jobs[i] end
  return redis.call('MGET', unpack(keys))
end

-- What is known of each job: its spec, or that it was here and was moved away.
local function known(jobs, mode)
  local specs = read_each(jobs, prefix)
  if not on.moves or mode == 'moved' then return specs end
  for i, trail in ipairs(read_each(jobs, key('moved:'))) do specs[i] = specs[i] or trail end
  return specs
end

-- Whether a job asks for nothing but a place in its lane, now.
local function is_plain(jobs, i)
  return jobs[i + 4] == '' and jobs[i + 2] == '0' and jobs[i + 3] == '0'
end

local PLAIN = {state = 'queued'}

local function entry_of(jobs, i)
  local extras = jobs[i + 4] ~= '' and cmsgpack.unpack(jobs[i + 4]) or nil
  local entry = {
    id = jobs[i],
    spec = jobs[i + 1],
    at = math.max(now + tonumber(jobs[i + 2]), tonumber(jobs[i + 3])),
    letter = string.sub(jobs[i + 1], 1, 1),
    extras = extras,
    x = extras and extras.x or NO_X,
  }
  if not extras then entry.state = entry.at > now and 'scheduled' or 'queued' end
  return entry
end

-- Decides on all jobs before anything is written. Answers the jobs that come in (an entry, or for a
-- plain one just where it is in `jobs`), the answers, and whether one is refused.
local function decide(jobs, existing, room, asking)
  local coming, answers, refused = {}, {}, false
  for i = 1, #jobs, PARTS_OF_JOB do
    local index = (i + 4) / PARTS_OF_JOB
    local answer
    if existing[index] then
      answer = redis.call('HGET', status_key(jobs[i]), 'state') or 'queued'
    else
      local plain = is_plain(jobs, i)
      local entry = plain and PLAIN or entry_of(jobs, i)
      local full = room and #coming >= room
        and '!full ' .. integer(on.size - room) .. ' ' .. on.size
      if entry.extras then
        answer = part.admission.admit(entry, full)
      else
        answer = full or entry.state
        if asking then part.admission.new[jobs[i]] = {id = jobs[i], state = entry.state} end
      end
      refused = refused or string.sub(answer, 1, 1) == '!'
      if answer == entry.state then coming[#coming + 1] = plain and i or entry end
    end
    answers[index] = answer
  end
  return coming, answers, refused
end

-- Writes what an entry has beyond its spec and its place.
local function write_extras(entry)
  local status, x = {}, entry.x
  raise_layout()
  if next(x) then
    status = {'x', cmsgpack.pack(x)}
    if x.g then part.groups.count('open', x.g, 1) end
  end
  local expires_in = entry.extras.expires_in
  if expires_in then
    status[#status + 1] = 'expires_at'
    entry.expires_at = integer(now + expires_in)
    status[#status + 1] = entry.expires_at
    redis.call('ZADD', key('expiring'), now + expires_in, entry.id)
  end
  if #status > 0 then redis.call('HSET', status_key(entry.id), unpack(status)) end
  if entry.edges then part.dependencies.write_edges(entry.id, entry.edges) end
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
    part.dependencies.end_blocked(entry, state, entry.edges.parent, entry.edges.parent_state)
    return
  end
  event(id, state)
end

local function write_specs(jobs, coming)
  local specs = {}
  for _, job in ipairs(coming) do
    local plain = type(job) == 'number'
    specs[#specs + 1] = prefix .. (plain and jobs[job] or job.id)
    specs[#specs + 1] = plain and jobs[job + 1] or job.spec
  end
  for first = 1, #specs, 1000 do
    redis.call('MSET', unpack(specs, first, math.min(first + 999, #specs)))
  end
end

local function write(jobs, coming, asking)
  write_specs(jobs, coming)
  if asking then
    for _, action in ipairs(part.admission.changes) do action() end
  end
  local due = {}
  for _, job in ipairs(coming) do
    if type(job) == 'number' then
      ready(jobs[job], LANE_OF[string.sub(jobs[job + 1], 1, 1)])
      event(jobs[job], 'queued')
    else
      if job.extras then write_extras(job) end
      write_place(job, due)
    end
  end
  if #due > 0 then many('ZADD', key('scheduled'), due) end
  if asking then part.finishing.finish_all() end
  make_runnable()
end

-- Accepts `jobs`. Answers what `admission` says of each. `mode`: each for itself, all or none of them
-- (atomic), none at all (check), or all of them whatever has changed: jobs that were staged, or moved
-- here from another queue, perhaps from here before.
local function accept_all(jobs, mode)
  local existing, due_before, asking = known(jobs, mode), nil, false
  local bound = mode == 'staged' or mode == 'moved'
  for i = 1, #jobs, PARTS_OF_JOB do
    asking = asking or jobs[i + 4] ~= ''
    due_before = due_before or not is_plain(jobs, i) and first_due()
  end
  if asking and bound then part.admission.bind() end
  local room = on.size and not bound and room_left()
  local coming, answers, refused = decide(jobs, existing, room, asking)
  if mode == 'check' or (mode == 'atomic' and refused) then return answers end
  write(jobs, coming, asking)
  if due_before then wake_for_first(due_before) end
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

-- Layout 1 has no extras. Its programs move batches on as well, so those of this layout are in a list
-- that they do not know, under another mark in `meta`.
local function with_extras(jobs)
  local result = {}
  for i = 1, #jobs, 4 do
    for part = i, i + 3 do result[#result + 1] = jobs[part] end
    result[#result + 1] = ''
  end
  return result
end

-- Moves up to `limit` jobs of the oldest accepted batch. Answers whether any are left.
local function move(limit)
  local list = on.intake and 'intake' or 'batches'
  local parts = on.intake and 4 or PARTS_OF_JOB
  local batch = redis.call('LINDEX', key(list), -1)
  local staged = batch and key('batch:' .. batch)
  local taken = batch and redis.call('LRANGE', staged, 0, parts * limit - 1) or {}
  if #taken > 0 then
    local jobs = on.intake and with_extras(taken) or taken
    note_answers(batch, jobs, accept_all(jobs, 'staged'))
    redis.call('LTRIM', staged, #taken, -1)
  end
  if batch and #taken < parts * limit then redis.call('RPOP', key(list)) end
  if redis.call('LLEN', key(list)) == 0 then turn_off(list) end
  return on.batches or on.intake
end
