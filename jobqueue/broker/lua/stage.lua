--!include version
-- Stages a part of a large submit: invisible until `accept_batch`, gone by itself if that
-- never comes. `offset` jobs were staged before; a re-sent part changes nothing.
local batch = ARGV[1]
local offset = ARGV[2]
local keep_ms = ARGV[3]
-- ARGV[4..]: id, spec, delay_ms, run_at_ms, extras

local staged = key('batch:' .. batch)
if redis.call('LLEN', staged) == 5 * offset then
  many('RPUSH', staged, {unpack(ARGV, 4)})
  redis.call('PEXPIRE', staged, keep_ms)
end
return redis.call('LLEN', staged) / 5
