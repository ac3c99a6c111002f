-- Says that a worker lives, and what it does. Answers 1 when an operator wants it quiet, else 0.
local worker = ARGV[1]
local info = ARGV[2]
local keep_ms = ARGV[3]
local quiet_ms = ARGV[4]

local quiet = redis.call('EXISTS', key('quiet:' .. worker))
allow_oom()
local told = '{"layout":' .. LAYOUT .. ',' .. string.sub(info, 2) -- see version.lua
redis.call('SET', key('worker:' .. worker), integer(now) .. ' ' .. told, 'PX', keep_ms)
redis.call('ZADD', key('workers'), now, worker)
redis.call('PEXPIRE', key('quiet:' .. worker), quiet_ms)
return quiet
