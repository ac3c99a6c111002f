--!module give_up
-- Jobs that have ended and wait for whoever archives them.

-- Gives up the oldest jobs that wait for the archive beyond its limit, at most `most` of them, and
-- counts them: an archiver that is dead must not fill Redis. Answers how many.
local function give_up(most)
  local excess = math.min(redis.call('ZCARD', key('archive')) - tonumber(on.archive), most)
  if excess <= 0 then return 0 end
  redis.call('ZREMRANGEBYRANK', key('archive'), 0, excess - 1)
  redis.call('HINCRBY', meta, 'archive_lost', excess)
  return excess
end
