--!include events runnable unique groups archive
--!module awaited ended unblock finish forget forget_finished trim finish_all keep
-- The one way for a job to end: its final state, its place in the listing, its retention, and
-- whoever waits for it.

local finished = {completed = {}, dead = {}, cancelled = {}} -- state -> ZADD arguments
local archived = {} -- ZADD arguments
local ended = {} -- ids of jobs that end in this call
local awaited = {} -- ids of jobs that others began to wait for in this call
local keep = {} -- state -> {age_ms, count}
for state, age, most in string.gmatch(retention or '', '(%a+) (%d+) (%d+)') do
  keep[state] = {age_ms = tonumber(age), count = tonumber(most)}
end

-- A job that starts when its turn has come, from `blocked`.
local function unblock(job)
  redis.call('ZREM', key('blocked'), job.id)
  local run_at = tonumber(job.run_at or 0)
  if run_at > now then
    redis.call('HSET', status_key(job.id), 'state', 'scheduled', 'lane', job.lane or job.letter)
    redis.call('ZADD', key('scheduled'), run_at, job.id)
    event(job.id, 'scheduled')
  else
    redis.call('HSET', status_key(job.id), 'state', 'queued')
    ready(job.id, lane_of(job, job.letter), false, job.x.g)
    event(job.id, 'queued')
  end
end

-- `job` with its status as it was; a retention of its own moves its place in the listing, so that
-- its age is over when it should be.
local function finish(job, state)
  local set, x = finished[state], job.x
  set[#set + 1] = x.r and now + x.r - keep[state].age_ms or stamp
  set[#set + 1] = job.id
  if x.u then
    local follower = part.unique.give_up(job)
    if follower and follower.left == 0 then unblock(follower) end
  end
  if x.k then part.unique.keep_key(job, state, keep[state].age_ms) end
  if x.g then part.groups.count('open', x.g, -1) end
  if job.expires_at then redis.call('ZREM', key('expiring'), job.id) end
  ended[job.id] = true
  if job.dependents or awaited[job.id] then
    redis.call('LPUSH', key('releasing'), job.id)
    turn_on('releasing')
  end
  if on.archive then
    archived[#archived + 1] = now
    archived[#archived + 1] = job.id
  end
end

local PARTS = {'', ':status', ':result', ':error', ':log', ':timeline', ':waits', ':inputs'}

local function forget(ids)
  local keys = {}
  for i = 1, #ids do
    for _, part in ipairs(PARTS) do keys[#keys + 1] = prefix .. ids[i] .. part end
  end
  for first = 1, #keys, 1000 do
    redis.call('UNLINK', unpack(keys, first, math.min(first + 999, #keys)))
  end
end

-- Those of finished jobs that may be forgotten: one whose result is still to be given to dependents,
-- or to the archive, stays in its place, and is looked at again later.
local function forgettable(ids)
  if not on.releasing and not on.archive then return ids end
  local free = {}
  for _, id in ipairs(ids) do
    local awaited = redis.call('EXISTS', prefix .. id .. ':dependents') == 1
      or (on.archive and redis.call('ZSCORE', key('archive'), id))
    if not awaited then free[#free + 1] = id end
  end
  return free
end

-- Forgets those of `ids`, which ended in `state`, that may be forgotten; answers how many.
local function forget_finished(state, ids)
  local free = forgettable(ids)
  if #free > 0 then many('ZREM', key(state), free) end
  forget(free)
  return #free
end

-- Removes the oldest jobs of a final state beyond `most`, at most `limit` of them.
local function trim(state, most, limit)
  local excess = math.min(redis.call('ZCARD', key(state)) - most, limit)
  if excess <= 0 then return 0 end
  return forget_finished(state, redis.call('ZRANGE', key(state), 0, excess - 1))
end

-- Writes the listing of all that finished.
local function finish_all()
  for state, set in pairs(finished) do
    if #set > 0 then
      many('ZADD', key(state), set)
      trim(state, keep[state].count, #set) -- #set is twice the jobs added
    end
  end
  if #archived > 0 then
    many('ZADD', key('archive'), archived)
    part.archive.give_up(#archived)
  end
end
