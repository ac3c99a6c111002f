-- Signs a worker on, so that the reaper looks into its inbox. Refuses a queue of another layout.
local worker = ARGV[1]
local version = ARGV[2]

if on.version and on.version ~= version then return refuse_version(on.version, version) end
allow_oom()
redis.call('HSET', meta, 'version', version)
redis.call('ZADD', key('workers'), now, worker)
return 1
