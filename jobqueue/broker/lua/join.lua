--!include version
-- Signs a worker on, so that the reaper looks into its inbox. Refuses a queue of another layout.
local worker = ARGV[1]

allow_oom()
if not on.version then raise_layout() end
redis.call('ZADD', key('workers'), now, worker)
return 1
