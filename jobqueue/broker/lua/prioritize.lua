--!include version events runnable unstarted
-- Moves a job that has not started to another lane. Answers its state, or not_found.
local job = ARGV[1]
local lane = ARGV[2]

local found = part.unstarted.read(job)
if not found then return 'not_found' end
if found.state == 'active' or FINAL[found.state] then return found.state end
allow_oom()
local changed = (found.lane or found.letter) ~= lane
redis.call('HSET', status_key(job), 'lane', lane)
if changed and found.state == 'queued' then
  ready(job, LANE_OF[lane], false, found.x.g)
  make_runnable(1)
end
return found.state
