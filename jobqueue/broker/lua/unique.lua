--!module DAY open_job unique_key holders_of foresee_end give_up keep_key
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

-- Who holds a key, and who follows: {first = id, second = id}, '' for nobody.
local function holders_of(job)
  local first, second = string.match(redis.call('GET', unique_key(job)) or '', '^(%S*) ?(%S*)$')
  return {first = first, second = second}
end

-- Reads what `give_up` will need; for the part of a script that only reads.
local function foresee_end(job)
  if job.holders then return end
  job.holders = holders_of(job)
  if job.holders.first ~= job.id then return end
  job.follower = open_job(job.holders.second)
  if job.follower then job.follower.left = redis.call('HLEN', prefix .. job.follower.id .. ':waits') end
end

-- The job no longer needs its key. Answers the job that may start now, if one waited for that.
local function give_up(job)
  foresee_end(job)
  local holders = job.holders
  if job.id == holders.second then
    redis.call('SET', unique_key(job), holders.first)
  elseif job.id == holders.first and job.follower then
    redis.call('SET', unique_key(job), holders.second)
    return job.follower
  elseif job.id == holders.first then
    redis.call('DEL', unique_key(job))
  end
end

-- The idempotency key of a job that ended in `state` is kept for a while after it.
local function keep_key(job, state, age_ms)
  local name = key('key:' .. job.x.k)
  redis.call('APPEND', name, ' ' .. state)
  redis.call('PEXPIRE', name, math.max(job.x.r or age_ms, DAY))
end
