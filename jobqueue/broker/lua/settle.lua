--!include base events runnable finish verdicts
-- Ends deliveries. Answers per verdict: ok, cancelled (somebody had cancelled the job, so it ends
-- so), done (the verdict had arrived before) or stale (the delivery is no longer this worker's);
-- the last two change nothing.
local worker = ARGV[1]
local keep_completed = ARGV[2]
local keep_dead = ARGV[3]
local keep_cancelled = ARGV[4]
-- ARGV[5..]: id, token, outcome, delay_ms, result, failure, message, reason

local SHORT = 64 -- bytes of a result that stay in the compact status hash

local function complete(id, result)
  if #result <= SHORT then
    end_run(id, 'completed', worker, nil, 'result', result)
  else
    redis.call('SET', prefix .. id .. ':result', result)
    end_run(id, 'completed', worker)
  end
end

local function spend_attempt(id, failure)
  redis.call('HINCRBY', status_key(id), 'attempt', 1)
  if failure ~= '' then redis.call('SET', prefix .. id .. ':error', failure) end
end

-- Ends a delivery short of success; `at` is where its verdict starts in ARGV.
local OUTCOMES = {
  retry = function(id, at)
    spend_attempt(id, ARGV[at + 5])
    schedule(id, now + ARGV[at + 3], worker, ARGV[at + 6])
  end,
  snooze = function(id, at) schedule(id, now + ARGV[at + 3], worker) end,
  rate_limited = function(id, at) schedule(id, now + ARGV[at + 3], worker) end,
  returned = function(id, _, lane)
    redis.call('HDEL', status_key(id), 'deliveries', 'crashes', 'progress')
    requeue(id, lane, worker)
  end,
  dead = function(id, at)
    spend_attempt(id, ARGV[at + 5])
    end_run(id, 'dead', worker, ARGV[at + 6], 'reason', ARGV[at + 7])
  end,
  cancelled = function(id, at)
    local reason = ARGV[at + 2] == 'cancelled' and ARGV[at + 7] or 'cancelled'
    end_run(id, 'cancelled', worker, nil, 'reason', reason)
  end,
}

-- A job that somebody cancelled ends cancelled, unless it was completed all the same.
local function apply(id, at, status)
  local outcome = ARGV[at + 2]
  if outcome == 'completed' then
    complete(id, ARGV[at + 4])
    return 'ok'
  end
  local cancelled = status[3] and outcome ~= 'cancelled'
  OUTCOMES[cancelled and 'cancelled' or outcome](id, at, status[4])
  return cancelled and 'cancelled' or 'ok'
end

local DELAYS = {retry = true, snooze = true, rate_limited = true}
local states, delays = {}, false
for i = 5, #ARGV, 8 do
  delays = delays or DELAYS[ARGV[i + 2]]
  states[#states + 1] = redis.call('HMGET', status_key(ARGV[i]), 'state', 'token', 'cancel', 'lane')
end
local function first_due() return redis.call('ZRANGE', key('scheduled'), 0, 0, 'WITHSCORES') end
local due_before = delays and first_due()[2]

allow_oom()
local answers, settled = {}, {}
for i = 5, #ARGV, 8 do
  local id, status = ARGV[i], states[(i + 3) / 8]
  local answer
  if status[2] ~= ARGV[i + 1] then
    answer = 'stale'
  elseif status[1] ~= 'active' or settled[id] then
    answer = 'done'
  else
    settled[id] = true
    answer = apply(id, i, status)
  end
  answers[#answers + 1] = answer
end
release_all()
finish_all({completed = tonumber(keep_completed), dead = tonumber(keep_dead),
  cancelled = tonumber(keep_cancelled)})
make_runnable()
if delays then
  local first = first_due()
  if first[2] and first[2] ~= due_before then wake_for(first[1]) end
end
publish_events()
return answers
