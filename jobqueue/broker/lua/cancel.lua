--!include base events gate groups runnable unique finish unstarted
-- Cancels one job, at the same cost whatever the backlog: a lane entry stays behind as a hint
-- that is dropped when met. Answers cancelled, requested, already_finished or not_found.
local job = ARGV[1]
local control = ARGV[2]
local reason = ARGV[3]
local retention = ARGV[4]

local found = first_letter(job) ~= '' and job_of(job, UNSTARTED)
if not found then return 'not_found' end
if FINAL[found.state] then return 'already_finished' end
foresee_end(found)
allow_oom()
if found.state == 'active' then
  redis.call('HSET', status_key(job), 'cancel', reason)
  redis.call('PUBLISH', control, queue .. '-' .. job)
  return 'requested'
end
read_retention(retention)
end_unstarted(found, 'cancelled', reason)
finish_all()
make_runnable()
publish_events()
return 'cancelled'
