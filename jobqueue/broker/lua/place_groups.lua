--!include version runnable
-- Puts groups where they belong under limits that have changed: one page of them, by ZSCAN. Answers
-- the next cursor.
local cursor = ARGV[1]

allow_oom()
local page = redis.call('ZSCAN', key('groups'), cursor, 'COUNT', 200)
for i = 1, #page[2], 2 do part.groups.place(page[2][i]) end
refill()
return page[1]
