--!include version events runnable finishing cancelling intake schedules
-- Does what a schedule says at a slot that is due, and goes on to the next: once, however many
-- call. Without a job the slot passes. Answers fired, replaced (fired, and the job before it is
-- cancelled), skipped (the job before it has not ended), again (the slot has had its job: the clock
-- was put back since), passed, or changed (nothing was done: another definition, another slot, or
-- not due by this clock).
local name = ARGV[1]
local digest = ARGV[2]
local slot = ARGV[3]
local following = ARGV[4]
local job = ARGV[5]
local spec = ARGV[6]
local run_at = ARGV[7]
local extras = ARGV[8]
local overlap = ARGV[9]
local limit = ARGV[10]
local control = ARGV[11]
retention = ARGV[12]

local standing = redis.call('HMGET', standing_key(name), 'digest', 'last_job', 'fired')
local due = redis.call('ZSCORE', due_key, name) -- there only where the schedule is active
if standing[1] ~= digest or due ~= slot or tonumber(slot) > now then return 'changed' end
local before = standing[2] and part.cancelling.read_for_cancel(standing[2])
local ended = not before or FINAL[before.state] or false
local again = job ~= '' and part.intake.known({job})[1] or false
local skipped = job ~= '' and not again and not ended and overlap == 'skip'
local fires = job ~= '' and not again and not skipped

-- first what may be refused, by a full Redis or by a slot that moves: then nothing has changed
if fires then part.intake.accept_all({job, spec, '0', run_at, extras}, 'staged') end
local cancelled
if fires and not ended and overlap == 'replace' then
  cancelled = part.cancelling.cancel_job(before, 'replaced', control)
  part.finishing.finish_all()
  make_runnable()
end
local fired = tonumber(standing[3] or 0) + (fires and 1 or 0)
redis.call('HSET', standing_key(name), 'last_slot', slot, 'fired', fired)
if fires then redis.call('HSET', standing_key(name), 'last_job', job) end
if following == '' or (limit ~= '' and fired >= tonumber(limit)) then
  redis.call('ZREM', due_key, name)
  redis.call('HSET', standing_key(name), 'state', 'finished')
else
  redis.call('ZADD', due_key, following, name)
end
publish_events()
if job == '' then return 'passed' end
if again then return 'again' end
if skipped then
  redis.call('HINCRBY', standing_key(name), 'skipped', 1)
  return 'skipped'
end
return cancelled == 'cancelled' and 'replaced' or 'fired'
