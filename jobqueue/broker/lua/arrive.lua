--!include version events moves timeline intake
-- Takes in a job that was moved here, with what it has behind it; a second time changes nothing, even
-- when the job has left, or is gone. Answers done, or log: the job is not here yet, because its log of
-- `lines` lines is still to be staged as `log`.
local job = ARGV[1]
local spec = ARGV[2]
local run_at = ARGV[3]
local extras = ARGV[4]
local move = ARGV[5]
local log = ARGV[6]
local lines = tonumber(ARGV[7])
retention = ARGV[8]

local came = cmsgpack.unpack(move)
if part.moves.latest(job) >= came.number or first_letter(job) ~= '' then return 'done' end
if lines > 0 and redis.call('LLEN', key(log)) ~= lines then return 'log' end
redis.call('EXISTS', prefix .. job .. ':timeline', prefix .. job .. ':error', prefix .. job .. ':log')
part.intake.accept_all({job, spec, '0', run_at, extras}, 'moved')
if #came.fields > 0 then redis.call('HSET', status_key(job), unpack(came.fields)) end
if came.error then redis.call('SET', prefix .. job .. ':error', came.error) end
part.timeline.add(job, came.timeline)
if lines > 0 then
  redis.call('RENAME', key(log), prefix .. job .. ':log')
  redis.call('PERSIST', prefix .. job .. ':log')
end
part.moves.remember(job, queue .. '-' .. job, came.number, came.keep_ms)
publish_events()
return 'done'
