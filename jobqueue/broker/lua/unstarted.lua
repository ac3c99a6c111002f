--!include finishing
--!module UNSTARTED read leave_place end_unstarted
-- Ending and moving jobs that wait: queued, scheduled or blocked. A lane entry stays behind as a hint
-- that is dropped when met.

local UNSTARTED = {'state', 'lane', 'x', 'run_at', 'expires_at', 'dependents', 'started_at'}

-- The job as it is, with the first letter of its spec; nil where there is none.
local function read(id)
  local letter = first_letter(id)
  if letter == '' then return nil end
  local job = job_of(id, UNSTARTED)
  job.letter = letter
  return job
end

-- Takes a job out of where its state says it waits.
local function leave_place(job)
  if job.state == 'queued' then
    redis.call('HINCRBY', meta, 'queued', -1)
  else
    redis.call('ZREM', key(job.state), job.id)
    if job.state == 'blocked' then redis.call('DEL', prefix .. job.id .. ':waits') end
  end
end

local function end_unstarted(job, state, reason)
  leave_place(job)
  redis.call('HSET', status_key(job.id), 'state', state, 'finished_at', now, 'reason', reason)
  part.finishing.finish(job, state)
  event(job.id, state)
end
