--!include base events runnable finish verdicts
-- Ends deliveries. Answers per verdict: ok, done (it had arrived before) or stale (the delivery
-- is no longer this worker's); the last two change nothing.
local worker = ARGV[1]
local keep_completed = ARGV[2]
local keep_dead = ARGV[3]
local keep_cancelled = ARGV[4]
-- ARGV[5..]: id, token, outcome, delay_ms, result, failure, message, reason

local SHORT = 64 -- bytes of a result that stay in the compact status hash

local function keep_result(id, result)
  if #result <= SHORT then
    redis.call('HSET', status_key(id), 'result', result)
  else
    redis.call('SET', prefix .. id .. ':result', result)
  end
end

local function spend_attempt(id, failure)
  redis.call('HINCRBY', status_key(id), 'attempt', 1)
  if failure ~= '' then redis.call('SET', prefix .. id .. ':error', failure) end
end

local OUTCOMES = {
  completed = function(id, verdict)
    keep_result(id, verdict.result)
    end_run(id, 'completed', worker)
  end,
  retry = function(id, verdict)
    spend_attempt(id, verdict.failure)
    schedule(id, now + verdict.delay, worker, verdict.message)
  end,
  snooze = function(id, verdict) schedule(id, now + verdict.delay, worker) end,
  returned = function(id, verdict)
    redis.call('HDEL', status_key(id), 'deliveries', 'crashes', 'progress')
    requeue(id, verdict.lane, worker)
  end,
  dead = function(id, verdict)
    spend_attempt(id, verdict.failure)
    end_run(id, 'dead', worker, verdict.reason, verdict.message)
  end,
  cancelled = function(id, verdict)
    end_run(id, 'cancelled', worker, verdict.reason ~= '' and verdict.reason or 'cancelled')
  end,
}

-- A job that somebody cancelled ends cancelled, unless it was completed all the same.
local function apply(id, outcome, verdict, cancel)
  if cancel and outcome ~= 'completed' then outcome = 'cancelled' end
  OUTCOMES[outcome](id, verdict)
end

local states, delays = {}, false
for i = 5, #ARGV, 8 do
  delays = delays or ARGV[i + 2] == 'retry' or ARGV[i + 2] == 'snooze'
  states[#states + 1] = redis.call('HMGET', status_key(ARGV[i]), 'state', 'token', 'cancel', 'lane')
end
local function first_due() return redis.call('ZRANGE', key('scheduled'), 0, 0, 'WITHSCORES') end
local due_before = delays and first_due()[2]

allow_oom()
local answers, settled = {}, {}
for i = 5, #ARGV, 8 do
  local status = states[(i + 3) / 8]
  local id, token = ARGV[i], ARGV[i + 1]
  if status[2] ~= token then
    answers[#answers + 1] = 'stale'
  elseif status[1] ~= 'active' or settled[id] then
    answers[#answers + 1] = 'done'
  else
    settled[id] = true
    apply(id, ARGV[i + 2], {delay = tonumber(ARGV[i + 3]), result = ARGV[i + 4],
      failure = ARGV[i + 5], message = ARGV[i + 6], reason = ARGV[i + 7], lane = status[4]},
      status[3])
    answers[#answers + 1] = 'ok'
  end
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
