--!include older groups unique dependencies
--!module admit changes new bind
-- Whether new jobs come in, and as what: reads and decides, writes nothing. Only jobs that ask for
-- more than a place in a lane pass through here.
--
-- An entry is {id, spec, at, letter, extras, x, state}; `extras` is what its producer packed:
-- {x: {k key, u unique, m mode, g group, r retention_ms}, digest, ttl, expires_in, parents}. An answer
-- is the state of a job that comes in, '=<k|u> <id> <state>' for one that another stands for by its
-- idempotency or unique key, and '!<why> <what>' for one that is refused.

local new = {} -- id -> entry of this call
local changes = {} -- what to write besides the entries themselves
local stand_ins = {} -- id of an entry -> id of the job that stands for it
local first_of = {} -- idempotency key -> {job, digest}: as read, then as decided
local open_count = {} -- group -> open jobs, those of this call included

local binding = false -- whether these jobs were accepted before, so that none may be refused any more

local function bind() binding = true end

local function change(action) changes[#changes + 1] = action end

local function stands_for(job, why, entry)
  stand_ins[entry.id] = job.id
  return '=' .. why .. ' ' .. job.id .. ' ' .. job.state
end

-- One that is gone has most likely done what it was for.
local function state_now(id)
  return first_letter(id) == '' and 'completed' or job_of(id, {'state'}).state
end

-- The first job of an entry's idempotency key, as an answer; nil where the entry is the first.
local function earlier(entry)
  local name = entry.x.k
  local first = first_of[name]
  if not first then
    local id, digest, state = string.match(redis.call('GET', key('key:' .. name)) or '',
      '^(%S+) (%S+) ?(%S*)')
    if not id then return nil end
    first = {job = {id = id, state = state == '' and state_now(id) or state}, digest = digest}
    first_of[name] = first
  end
  local same = first.digest == entry.extras.digest or binding
  return same and stands_for(first.job, 'k', entry) or '!conflict ' .. first.job.id
end

-- The key names `job` from now on: the entry itself, or the one that stands for it.
local function name_first(entry, job)
  local name, digest = entry.x.k, entry.extras.digest
  if not name then return end
  first_of[name] = {job = job, digest = digest}
  change(function()
    redis.call('SET', key('key:' .. name), job.id .. ' ' .. digest)
    if job ~= entry then redis.call('PEXPIRE', key('key:' .. name), part.unique.DAY) end
  end)
end

local holders = {} -- unique key -> {first = job, second = job}: as read, then as decided

local function holders_now(entry)
  local held = holders[entry.x.u]
  if not held then
    local ids = part.unique.holders_of(entry)
    held = {first = part.unique.open_job(ids.first), second = part.unique.open_job(ids.second)}
    holders[entry.x.u] = held
  end
  return held
end

local function hold(entry, held)
  held.first = entry
  change(function()
    part.unique.write_holders(entry, entry.id, '')
    if entry.extras.ttl then redis.call('PEXPIRE', part.unique.unique_key(entry), entry.extras.ttl) end
  end)
end

-- `job` takes the entry's payload; its lane, and so its place in line, stays.
local function replace(job, entry)
  local spec = job.letter .. string.sub(entry.spec, 2)
  if new[job.id] then
    job.spec = spec
  else
    change(function() redis.call('SET', prefix .. job.id, spec) end)
  end
  return job
end

local function postpone(job, at)
  if new[job.id] then job.at = at; return end
  if job.state == 'blocked' then
    change(function() redis.call('HSET', status_key(job.id), 'run_at', integer(at)) end)
    return
  end
  local queued = job.state == 'queued'
  job.state = 'scheduled'
  change(function()
    if queued then redis.call('HINCRBY', meta, 'queued', -1) end
    redis.call('HSET', status_key(job.id), 'state', 'scheduled', 'run_at', integer(at), 'lane', job.letter)
    redis.call('ZADD', key('scheduled'), at, job.id)
  end)
end

-- What each mode makes of a job whose key may be held: the job that stands for it, if one does.
local MODES = {
  simple = function(entry, held)
    if held.first then return held.first end
    hold(entry, held)
  end,
  debounce = function(entry, held)
    entry.at = math.max(entry.at, now + entry.extras.ttl)
    if held.first and held.first.started_at then return held.first end -- it came with another mode
    if held.first then
      postpone(held.first, entry.at)
      return replace(held.first, entry)
    end
    entry.extras.ttl = nil -- the key is held until the job starts
    hold(entry, held)
  end,
  latest = function(entry, held)
    if not held.first then
      hold(entry, held)
    elseif held.second or not held.first.started_at then
      return replace(held.second or held.first, entry)
    else
      held.second = entry
      entry.follows = true
      change(function() part.unique.write_holders(entry, held.first.id, entry.id) end)
    end
  end,
}

-- At most one job of the key in `ttl`, whatever becomes of it: the job that came before.
local function throttled(entry)
  local name = key('throttle:' .. entry.x.t)
  local id = holders[name] or redis.call('GET', name)
  if id and new[id] then return new[id] end
  if id then return {id = id, state = state_now(id)} end
  holders[name] = entry.id
  change(function() redis.call('SET', name, entry.id, 'PX', entry.extras.ttl) end)
end

local function over_size(entry)
  local group = entry.x.g
  local size = part.groups.limits_of(group).size
  if not size then return nil end
  local open = open_count[group] or tonumber(redis.call('HGET', key('open'), group) or 0)
  open_count[group] = open
  if open >= size and not binding then return '!full ' .. open .. ' ' .. size .. ' ' .. group end
end

local function without_parent(entry)
  local parents = entry.extras.parents
  if not parents then return nil end
  for _, edge in ipairs(parents) do edge[1] = stand_ins[edge[1]] or edge[1] end
  entry.edges = part.dependencies.edges_to(parents, new)
  local missing = entry.edges.missing
  if missing and not binding then return '!parent ' .. part.dependencies.full_id(missing) end
end

local function state_of(entry)
  local edges = entry.edges
  local outcome = edges and edges.outcome
  if outcome and outcome ~= 'go' then return outcome end
  if entry.follows or (edges and #edges.pending > 0) then return 'blocked' end
  return entry.at > now and 'scheduled' or 'queued'
end

-- The job that stands for an entry, if one does.
local function stand_in(entry)
  local x = entry.x
  return x.t and throttled(entry) or x.u and MODES[x.m](entry, holders_now(entry))
end

-- Whether another job will stand for an entry by its unique key, so that it needs no room.
local function is_stood_for(entry)
  local x = entry.x
  local name = x.t and key('throttle:' .. x.t)
  if name then return holders[name] or redis.call('GET', name) end
  if not x.u then return false end
  local held = holders_now(entry)
  return held.second or held.first and not (x.m == 'latest' and held.first.started_at)
end

-- A worker of an older version would run the job without heeding what it asks for.
local function unheeded()
  local worker = not binding and part.older.worker()
  return worker and '!older ' .. worker
end

-- The answer to an entry; `full` refuses it where no other stands for it.
-- What it decides counts for the entries after it.
local function admit(entry, full)
  local x = entry.x
  local no_room = full or x.g and over_size(entry)
  local refused = unheeded() or x.k and earlier(entry)
    or no_room and not is_stood_for(entry) and no_room or without_parent(entry)
  if refused then return refused end
  local standing = stand_in(entry)
  name_first(entry, standing or entry)
  if standing then return stands_for(standing, 'u', entry) end
  entry.state = state_of(entry)
  new[entry.id] = entry
  if open_count[x.g] then open_count[x.g] = open_count[x.g] + 1 end
  return entry.state
end
