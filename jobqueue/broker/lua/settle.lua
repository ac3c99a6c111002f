--!include verdicts outcomes
-- Ends deliveries. Answers per verdict: ok, cancelled (somebody had cancelled the job, so it ends
-- so), done (the verdict had arrived before) or stale (the delivery is no longer this worker's);
-- the last two change nothing.
local worker = ARGV[1]
retention = ARGV[2]
-- ARGV[3..]: id, token, outcome, delay_ms, result, failure, message, reason

local SHORT = 64 -- bytes of a result that stay in the compact status hash
local RELEASED = 100 -- dependents that hear of their parents in the same call

local function verdict_at(i)
  return {worker = worker, outcome = ARGV[i + 2], delay_ms = ARGV[i + 3], failure = ARGV[i + 5],
    message = ARGV[i + 6], reason = ARGV[i + 7],
    edges = ARGV[i + 2] == 'wait' and part.dependencies.edges_to(cmsgpack.unpack(ARGV[i + 4]), {})}
end

local function complete(job, result)
  if #result <= SHORT then
    end_run(job, 'completed', worker, nil, 'result', result)
  else
    redis.call('SET', prefix .. job.id .. ':result', result)
    end_run(job, 'completed', worker)
  end
  return 'ok'
end

-- First all is read: the job of each verdict that still counts, what else it will need, and the
-- answers to the others.
local jobs, verdicts, answers, settled, due_before = {}, {}, {}, {}, nil
for i = 3, #ARGV, 8 do
  local id = ARGV[i]
  local state, token, cancel, x, dependents = unpack(redis.call('HMGET', status_key(id),
    'state', 'token', 'cancel', 'x', 'dependents'))
  local index = (i + 5) / 8
  if token ~= ARGV[i + 1] then
    answers[index] = 'stale'
  elseif state ~= 'active' or settled[id] then
    answers[index] = 'done'
  else
    settled[id] = true
    local job = {id = id, cancel = cancel, x = x and cmsgpack.unpack(x) or NO_X,
      dependents = dependents}
    jobs[index] = job
    if job.x.u then part.unique.foresee_end(job) end
    if ARGV[i + 2] ~= 'completed' then
      verdicts[index] = verdict_at(i)
      due_before = due_before or ARGV[i + 3] ~= '0' and first_due()
    end
  end
end

allow_oom()
for i = 3, #ARGV, 8 do
  local index = (i + 5) / 8
  local job, verdict = jobs[index], verdicts[index]
  if verdict then
    answers[index] = part.outcomes.apply(job, verdict)
  elseif job then
    answers[index] = complete(job, ARGV[i + 4])
  end
end
if next(settled) then
  release_all()
  if on.releasing then part.dependencies.release(RELEASED) end
  part.finishing.finish_all()
  make_runnable()
  if on.cap or on.grouped then refill() end
  if due_before then wake_for_first(due_before) end
  publish_events()
end
return answers
