--!include base version events gate groups runnable unique finish unstarted cancelling
-- Cancels one job. Answers cancelled, requested, already_finished or not_found.
local job = ARGV[1]
local control = ARGV[2]
local reason = ARGV[3]
local retention = ARGV[4]

local found = read_for_cancel(job)
allow_oom()
read_retention(retention)
local answer = cancel_job(found, reason, control)
finish_all()
make_runnable()
publish_events()
return answer
