--!include base version finish
-- Lets jobs that end wait for the archive, at most `limit` of them; an empty limit ends that. Answers 1
-- while there are more than the limit: call again.
local limit = ARGV[1]

local STEP = 1000

local refusal = refuse_beside_older()
if refusal then return refusal end
allow_oom()
raise_layout()
if limit == '' then
  redis.call('HDEL', meta, 'archive', 'archive_lost')
  redis.call('UNLINK', key('archive'))
  return 0
end
redis.call('HSET', meta, 'archive', limit)
on.archive = limit
return give_up_archive(STEP) == STEP and 1 or 0
