--!include version events intake
-- Accepts up to 500 jobs at once, in the `mode` that `accept_all` says. A job whose id is known already
-- is left as it is, so a re-sent call changes nothing. Answers per job what `admission` says of it.
retention = ARGV[1]
local mode = ARGV[2]
-- ARGV[3..]: id, spec, delay_ms, run_at_ms, extras

local answers = part.intake.accept_all({unpack(ARGV, 3)}, mode)
if not on.version then raise_layout() end
publish_events()
return answers
