--!include version unique unstarted finishing outbox groups
-- Sends a job that waits to another queue, under `target`, the full id that it has there, and leaves
-- where it went. Answers moved, its state where that does not allow it, bound (jobs or a unique key
-- depend on its place, or what its parents made is kept there) or not_found.
local job = ARGV[1]
local target = ARGV[2]
local keep_ms = ARGV[3]
retention = ARGV[4]

local spec = redis.call('GET', prefix .. job)
local found = spec and job_of(job, part.unstarted.UNSTARTED)
if not found then return redis.call('EXISTS', key('moved:' .. job)) == 1 and 'moved' or 'not_found' end
if found.state ~= 'queued' and found.state ~= 'scheduled' then return found.state end
local inputs = redis.call('EXISTS', prefix .. job .. ':inputs') == 1
if found.dependents or found.x.u or inputs then return 'bound' end
allow_oom()
part.unstarted.leave_place(found)
local x = {g = found.x.g, r = found.x.r}
send(target, {
  op = 'enqueue',
  spec = (found.lane or string.sub(spec, 1, 1)) .. string.sub(spec, 2),
  run_at = found.state == 'scheduled' and found.run_at or '0',
  extras = cmsgpack.pack({
    x = x,
    expires_in = found.expires_at and math.max(found.expires_at - now, 0) or nil,
  }),
})
if found.x.g then part.groups.count('open', found.x.g, -1) end
if found.x.k then part.unique.keep_key(found, 'moved', tonumber(keep_ms)) end
if found.expires_at then redis.call('ZREM', key('expiring'), job) end
part.finishing.forget({job})
redis.call('SET', key('moved:' .. job), target, 'PX', keep_ms)
return 'moved'
