--!include events intake
-- Accepts up to 500 jobs at once, in the `mode` that `accept_all` says. A job whose id is known already
-- is left as it is, so a re-sent call changes nothing. Answers per job what `admission` says of it.
local version = ARGV[1]
retention = ARGV[2]
local mode = ARGV[3]
-- ARGV[4..]: id, spec, delay_ms, run_at_ms, extras

if on.version and on.version ~= version then return refuse_version(on.version, version) end
local answers = intake().accept_all({unpack(ARGV, 4)}, mode)
if not on.version then redis.call('HSET', meta, 'version', version) end
publish_events()
return answers
