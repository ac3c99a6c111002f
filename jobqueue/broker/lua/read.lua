-- Everything about up to 100 jobs: {spec, status fields, result, error} each, false where it is not here.
-- ARGV[1..]: id

local jobs = {}
for i = 1, #ARGV do
  local id = ARGV[i]
  local parts = redis.call('MGET', prefix .. id, prefix .. id .. ':result', prefix .. id .. ':error')
  jobs[i] = parts[1] and {parts[1], redis.call('HGETALL', status_key(id)), parts[2], parts[3]}
end
return jobs
