--!include deliveries dependencies
--!module apply
-- What verdicts short of success do. A verdict is {worker, outcome, delay_ms, failure, message,
-- reason, edges}.

local function spend_attempt(job, failure)
  redis.call('HINCRBY', status_key(job.id), 'attempt', 1)
  if failure ~= '' then redis.call('SET', prefix .. job.id .. ':error', failure) end
end

local function snooze(job, verdict)
  part.deliveries.note_attempt(job, verdict.outcome, verdict.worker)
  part.deliveries.schedule(job, now + verdict.delay_ms, verdict.worker)
end

-- Nothing of the job's group starts for a while, or for as long as another of its jobs has said. Where
-- it has none, its worker holds its pool back.
local function hold_back(job, delay_ms)
  local group = job.x.g
  if not group then return end
  local held = tonumber(redis.call('HGET', key('held'), group) or 0)
  redis.call('HSET', key('held'), group, integer(math.max(now + delay_ms, held)))
  turn_on('holds')
  released_groups[group] = true
end

-- The job starts again when the jobs it waits for have ended.
local function wait_for_children(job, verdict)
  local edges = verdict.edges
  part.deliveries.note_attempt(job, 'wait', verdict.worker)
  part.deliveries.clear_run(job)
  part.dependencies.write_edges(job.id, edges)
  job.lane = redis.call('HGET', status_key(job.id), 'lane') or nil
  job.letter = first_letter(job.id)
  redis.call('HSET', status_key(job.id), 'state', 'blocked', 'run_at', 0)
  redis.call('ZADD', key('blocked'), now, job.id)
  event(job.id, 'blocked', verdict.worker)
  local outcome = edges.outcome
  if outcome and outcome ~= 'go' then
    part.dependencies.end_blocked(job, outcome, edges.parent, edges.parent_state)
  elseif #edges.pending == 0 then
    part.finishing.unblock(job)
  end
end

local OUTCOMES = {
  retry = function(job, verdict)
    part.deliveries.note_attempt(job, 'retry', verdict.worker, verdict.message)
    spend_attempt(job, verdict.failure)
    part.deliveries.schedule(job, now + verdict.delay_ms, verdict.worker, verdict.message)
  end,
  snooze = snooze,
  rate_limited = function(job, verdict)
    snooze(job, verdict)
    hold_back(job, tonumber(verdict.delay_ms))
  end,
  returned = function(job, verdict)
    part.deliveries.note_attempt(job, 'returned', verdict.worker)
    redis.call('HDEL', status_key(job.id), 'deliveries', 'progress')
    part.deliveries.requeue(job, redis.call('HGET', status_key(job.id), 'lane'), verdict.worker)
  end,
  wait = wait_for_children,
  dead = function(job, verdict)
    spend_attempt(job, verdict.failure)
    end_run(job, 'dead', verdict.worker, verdict.message, 'reason', verdict.reason)
  end,
  cancelled = function(job, verdict)
    local reason = verdict.reason
    end_run(job, 'cancelled', verdict.worker, nil, 'reason', reason ~= '' and reason or 'cancelled')
  end,
}

-- Ends a delivery. A job that somebody has cancelled ends so. Answers ok or cancelled.
local function apply(job, verdict)
  if job.cancel and verdict.outcome ~= 'cancelled' then
    OUTCOMES.cancelled(job, {reason = why_cancelled(job), worker = verdict.worker})
    return 'cancelled'
  end
  OUTCOMES[verdict.outcome](job, verdict)
  return 'ok'
end
