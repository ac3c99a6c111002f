--!include base
-- How up to 100 jobs stand: {state, result} each, the full id that it has now where it was moved to
-- another queue, false where unknown; payloads are not touched.
-- ARGV[1..]: id

local standings = {}
for i = 1, #ARGV do
  local id = ARGV[i]
  if redis.call('EXISTS', prefix .. id) == 1 then
    local status = redis.call('HMGET', status_key(id), 'state', 'result')
    standings[i] = {status[1] or 'queued', status[2] or redis.call('GET', prefix .. id .. ':result')}
  else
    standings[i] = redis.call('GET', key('moved:' .. id))
  end
end
return standings
