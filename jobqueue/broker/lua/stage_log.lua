--!include version
-- Stages a part of the log of a job that is being moved here, under `name`: gone by itself if the job
-- never comes. `offset` lines were staged before; a part that is sent again changes nothing.
local name = ARGV[1]
local offset = tonumber(ARGV[2])
local keep_ms = ARGV[3]
-- ARGV[4..]: line

local staged = key(name)
if redis.call('LLEN', staged) ~= offset then return end
many('RPUSH', staged, {unpack(ARGV, 4)})
redis.call('PEXPIRE', staged, keep_ms)
