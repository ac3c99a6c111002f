--!include base events runnable promote
-- Makes up to `limit` due jobs runnable. Returns how many.
local limit = ARGV[1]

local ids, lanes = due_jobs(limit)
allow_oom()
promote(ids, lanes)
make_runnable()
publish_events()
return #ids
