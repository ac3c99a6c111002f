-- One page of the running jobs, by ZSCAN: each that runs during the whole listing is found.
-- Answers {next cursor, id, ...}.
local cursor = ARGV[1]
local limit = ARGV[2]

local page = redis.call('ZSCAN', key('leases'), cursor, 'COUNT', limit)
local ids = {}
for i = 1, #page[2], 2 do ids[#ids + 1] = page[2][i] end
return {page[1], unpack(ids)}
