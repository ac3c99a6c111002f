--!include base events runnable finish cancelling
-- Cancels one job. Answers cancelled, requested, already_finished or not_found.
local job = ARGV[1]
local control = ARGV[2]
local keep = ARGV[3]

local state = read_for_cancel(job)
allow_oom()
local answer = cancel_job(job, state, control)
finish_all({cancelled = tonumber(keep)})
publish_events()
return answer
