--!include base events runnable intake
-- Accepts up to 500 jobs at once. A job whose id is known already is left as it is, so a
-- re-sent call changes nothing. Returns each job's state.
local version = ARGV[1]
-- ARGV[2..]: id, spec, delay_ms, run_at_ms

local stored = redis.call('HGET', meta, 'version')
if stored and stored ~= version then return refuse_version(stored, version) end
local jobs = {unpack(ARGV, 2)}
if not stored then redis.call('HSET', meta, 'version', version) end
local states = accept_all(jobs)
publish_events()
return states
