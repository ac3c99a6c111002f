-- One job of a key at a time. `unique:<key>` names the job that holds the key, and in mode `latest`
-- the one that follows it; whoever ends gives the key on. `key:<key>` is an idempotency key: it names
-- the first job that was enqueued with it, and outlives it.

local DAY = 86400000
local HOLDER = {'state', 'lane', 'x', 'run_at', 'started_at'}

-- A job that has not ended, nil for any other.
local function open_job(id)
  local letter = id and id ~= '' and first_letter(id) or ''
  if letter == '' then return nil end
  local job = job_of(id, HOLDER)
  job.letter = letter
  return not FINAL[job.state] and job or nil
end

local function unique_key(job) return key('unique:' .. job.x.u) end

local holders_read = {} -- unique key -> its holders, as this call read and changed them

-- Who holds a key, and who follows: {first = id, second = id}, '' for nobody.
local function holders_of(job)
  local held = holders_read[job.x.u]
  if not held then
    local first, second = string.match(redis.call('GET', unique_key(job)) or '', '^(%S*) ?(%S*)$')
    held = {first = first, second = second}
    holders_read[job.x.u] = held
  end
  return held
end

local function write_holders(job, first, second)
  local held = holders_of(job)
  held.first, held.second = first, second
  if first == '' then
    redis.call('DEL', unique_key(job))
  else
    redis.call('SET', unique_key(job), second == '' and first or first .. ' ' .. second)
  end
end

-- The open job that follows the holder of a key, with how many parents it waits for.
local function follower_in(holders)
  local follower = open_job(holders.second)
  if follower then follower.left = redis.call('HLEN', prefix .. follower.id .. ':waits') end
  return follower
end

-- Reads what `give_up_unique` will need; for the part of a script that only reads.
local function foresee_end(job)
  if not job.x.u or job.holders then return end
  job.holders = holders_of(job)
  if job.holders.first == job.id then follower_in(job.holders) end
end

-- The job no longer needs its key. Answers the job that may start now, if one waited for that.
local function give_up_unique(job)
  foresee_end(job)
  local holders = job.holders
  if job.id == holders.second then
    write_holders(job, holders.first, '')
  elseif job.id == holders.first then
    local follower = follower_in(holders)
    write_holders(job, follower and follower.id or '', '')
    return follower
  end
end

-- The idempotency key of a job that ended in `state` is kept for a while after it.
local function keep_key(job, state, age_ms)
  local name = key('key:' .. job.x.k)
  redis.call('APPEND', name, ' ' .. state)
  redis.call('PEXPIRE', name, math.max(job.x.r or age_ms, DAY))
end
