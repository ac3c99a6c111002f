--!include older archive
-- Lets jobs that end wait for the archive, at most `limit` of them; an empty limit ends that. Answers 1
-- while there are more than the limit: call again.
local limit = ARGV[1]

local STEP = 1000

local refusal = part.older.refuse_beside()
if refusal then return refusal end
allow_oom()
raise_layout()
if limit == '' then
  turn_off('archive')
  redis.call('HDEL', meta, 'archive_lost')
  redis.call('UNLINK', key('archive'))
  return 0
end
turn_on('archive', limit)
return part.archive.give_up(STEP) == STEP and 1 or 0
