--!include base events gate groups runnable unique finish outbox dependencies verdicts
-- Ends deliveries. Answers per verdict: ok, cancelled (somebody had cancelled the job, so it ends
-- so), done (the verdict had arrived before) or stale (the delivery is no longer this worker's);
-- the last two change nothing.
local worker = ARGV[1]
local retention = ARGV[2]
-- ARGV[3..]: id, token, outcome, delay_ms, result, failure, message, reason

local FIELDS = {'state', 'token', 'cancel', 'x', 'dependents'}
local SHORT = 64 -- bytes of a result that stay in the compact status hash
local RELEASED = 100 -- dependents that hear of their parents in the same call

local function verdict_at(i)
  return {id = ARGV[i], token = ARGV[i + 1], outcome = ARGV[i + 2], delay_ms = ARGV[i + 3],
    result = ARGV[i + 4], failure = ARGV[i + 5], message = ARGV[i + 6], reason = ARGV[i + 7]}
end

local function complete(job, result)
  if #result <= SHORT then
    end_run(job, 'completed', worker, nil, 'result', result)
  else
    redis.call('SET', prefix .. job.id .. ':result', result)
    end_run(job, 'completed', worker)
  end
end

local function spend_attempt(job, failure)
  redis.call('HINCRBY', status_key(job.id), 'attempt', 1)
  if failure ~= '' then redis.call('SET', prefix .. job.id .. ':error', failure) end
end

local function snooze(job, verdict)
  note_attempt(job, verdict.outcome, worker)
  schedule(job, now + verdict.delay_ms, worker)
end

-- Nothing of the job's group starts for a while. Where it has none, its worker holds its pool back.
local function hold_back(job, delay_ms)
  local group = job.x.g
  if not group then return end
  redis.call('HSET', key('held'), group, integer(now + delay_ms))
  turn_on('holds')
  released_groups[group] = true
end

-- The job starts again when the jobs it waits for have ended.
local function wait_for_children(job, edges)
  note_attempt(job, 'wait', worker)
  clear_run(job)
  write_edges(job.id, edges)
  job.letter = redis.call('HGET', status_key(job.id), 'lane')
  job.lane = job.letter
  redis.call('HSET', status_key(job.id), 'state', 'blocked', 'run_at', 0)
  redis.call('ZADD', key('blocked'), now, job.id)
  event(job.id, 'blocked', worker)
  local outcome = edges.outcome
  if outcome and outcome ~= 'go' then
    end_blocked(job, outcome, edges.parent, edges.parent_state)
  elseif #edges.pending == 0 then
    unblock(job)
  end
end

local OUTCOMES = {
  retry = function(job, verdict)
    note_attempt(job, 'retry', worker, verdict.message)
    spend_attempt(job, verdict.failure)
    schedule(job, now + verdict.delay_ms, worker, verdict.message)
  end,
  snooze = snooze,
  rate_limited = function(job, verdict)
    snooze(job, verdict)
    hold_back(job, tonumber(verdict.delay_ms))
  end,
  returned = function(job)
    note_attempt(job, 'returned', worker)
    redis.call('HDEL', status_key(job.id), 'deliveries', 'progress')
    requeue(job, redis.call('HGET', status_key(job.id), 'lane'), worker)
  end,
  wait = function(job, verdict) wait_for_children(job, verdict.edges) end,
  dead = function(job, verdict)
    spend_attempt(job, verdict.failure)
    end_run(job, 'dead', worker, verdict.message, 'reason', verdict.reason)
  end,
  cancelled = function(job, verdict)
    local reason = verdict.reason
    end_run(job, 'cancelled', worker, nil, 'reason', reason ~= '' and reason or 'cancelled')
  end,
}

-- A job that somebody cancelled ends cancelled, unless it was completed all the same.
local function apply(job, verdict)
  if verdict.outcome == 'completed' then
    complete(job, verdict.result)
    return 'ok'
  end
  if job.cancel and verdict.outcome ~= 'cancelled' then
    OUTCOMES.cancelled(job, {reason = why_cancelled(job)})
    return 'cancelled'
  end
  OUTCOMES[verdict.outcome](job, verdict)
  return 'ok'
end

local function first_due() return redis.call('ZRANGE', key('scheduled'), 0, 0, 'WITHSCORES') end

local verdicts, settled, due_before = {}, {}, nil
for i = 3, #ARGV, 8 do
  local verdict = verdict_at(i)
  local job = job_of(verdict.id, FIELDS)
  verdict.job = job
  if job.token ~= verdict.token then
    verdict.answer = 'stale'
  elseif job.state ~= 'active' or settled[verdict.id] then
    verdict.answer = 'done'
  else
    settled[verdict.id] = true
    foresee_end(job)
    if verdict.outcome == 'wait' then verdict.edges = edges_to(cmsgpack.unpack(verdict.result), {}) end
    due_before = due_before or verdict.delay_ms ~= '0' and first_due()
  end
  verdicts[#verdicts + 1] = verdict
end

allow_oom()
read_retention(retention)
local answers = {}
for i, verdict in ipairs(verdicts) do
  answers[i] = verdict.answer or apply(verdict.job, verdict)
end
release_all()
if on.releasing and next(settled) then release_dependents(RELEASED) end
finish_all()
make_runnable()
if #released > 0 and (on.cap or on.grouped) then refill() end
if due_before then
  local first = first_due()
  if first[2] and first[2] ~= due_before[2] then wake_for(first[1]) end
end
publish_events()
return answers
