--!include version events runnable unique groups timeline
-- Queues dead or cancelled jobs again, with all their attempts. Answers per job queued,
-- not_retryable, duplicate (another job holds its unique key) or not_found.
-- ARGV[1..]: id

local ANSWERS = {}

local function hold_again(job)
  if not job.x.u then return true end
  if job.holders.first ~= '' then return false end
  part.unique.write_holders(job, job.id, '')
  return true
end

-- The key of a job that has not ended has no end, and no final state behind it.
local function reopen_key(job)
  local id, digest = string.match(redis.call('GET', key('key:' .. job.x.k)) or '', '^(%S+) (%S+)')
  if id == job.id then redis.call('SET', key('key:' .. job.x.k), id .. ' ' .. digest) end
end

-- What killed a job, as a JSON string; nil where that cannot be told.
local function last_words(job)
  local failure = job.state == 'dead' and redis.call('GET', prefix .. job.id .. ':error')
  local readable, kept = pcall(cjson.decode, failure or '')
  return readable and cjson.encode(kept.message) or nil
end

local function replay(job)
  if job.letter == '' then return 'not_found' end
  if job.state ~= 'dead' and job.state ~= 'cancelled' then return 'not_retryable' end
  if not hold_again(job) then return 'duplicate' end
  part.timeline.note(job.id, job.state, job.started_at, job.finished_at, job.worker, last_words(job))
  redis.call('ZREM', key(job.state), job.id)
  if on.archive then redis.call('ZREM', key('archive'), job.id) end
  redis.call('HDEL', status_key(job.id), 'attempt', 'deliveries', 'crashes', 'cancel', 'reason',
    'run_at', 'started_at', 'finished_at', 'progress', 'worker', 'expires_at')
  redis.call('DEL', prefix .. job.id .. ':waits')
  redis.call('HSET', status_key(job.id), 'state', 'queued')
  if job.x.k then reopen_key(job) end
  if job.x.g then part.groups.count('open', job.x.g, 1) end
  ready(job.id, lane_of(job, job.letter), false, job.x.g)
  event(job.id, 'queued')
  return 'queued'
end

local jobs, met = {}, {}
for i = 1, #ARGV do
  local job = job_of(ARGV[i], {'state', 'lane', 'x', 'started_at', 'finished_at', 'worker'})
  job.letter = first_letter(job.id)
  if job.x.u then job.holders = part.unique.holders_of(job) end
  jobs[i] = job
end
allow_oom()
for i, job in ipairs(jobs) do
  if met[job.id] then job.state = 'queued' end
  met[job.id] = true
  ANSWERS[i] = replay(job)
end
make_runnable()
publish_events()
return ANSWERS
