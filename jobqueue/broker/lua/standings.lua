-- How up to 100 jobs stand: {state, result} each, moved where it was in another queue before or after,
-- false where unknown; payloads are not touched.
-- ARGV[1..]: id

local standings = {}
for i = 1, #ARGV do
  local id = ARGV[i]
  if redis.call('EXISTS', prefix .. id) == 1 then
    local status = redis.call('HMGET', status_key(id), 'state', 'result')
    standings[i] = {status[1] or 'queued', status[2] or redis.call('GET', prefix .. id .. ':result')}
  else
    standings[i] = redis.call('EXISTS', key('moved:' .. id)) == 1 and 'moved'
  end
end
return standings
