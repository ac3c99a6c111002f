--!include unique unstarted
--!module read_for_cancel cancel_job
-- The one way to cancel a job, at the same cost whatever the backlog: a lane entry stays behind
-- as a hint that is dropped when met.

-- The job as it is, nil where there is none: for the part of a script that only reads.
local function read_for_cancel(id)
  local job = part.unstarted.read(id)
  if job and job.x.u then part.unique.foresee_end(job) end
  return job
end

-- Cancels a job that was just read. Answers cancelled, requested (it runs: its worker is told),
-- already_finished or not_found; the caller's `finish_all` ends what is cancelled.
local function cancel_job(job, reason, control)
  if not job then return 'not_found' end
  if FINAL[job.state] then return 'already_finished' end
  if job.state == 'active' then
    redis.call('HSET', status_key(job.id), 'cancel', reason)
    redis.call('PUBLISH', control, queue .. '-' .. job.id)
    return 'requested'
  end
  part.unstarted.end_unstarted(job, 'cancelled', reason)
  return 'cancelled'
end
