--!include version events runnable finishing cancelling
-- Cancels one job. Answers cancelled, requested, already_finished or not_found.
local job = ARGV[1]
local control = ARGV[2]
local reason = ARGV[3]
retention = ARGV[4]

local found = part.cancelling.read_for_cancel(job)
allow_oom()
local answer = part.cancelling.cancel_job(found, reason, control)
part.finishing.finish_all()
make_runnable()
publish_events()
return answer
