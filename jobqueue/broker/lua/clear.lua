--!include version events runnable unique unstarted finishing groups
-- Empties one state in steps of up to `limit`: what has ended is forgotten, what waits is cancelled
-- with `reason`. Answers how many jobs it took, or -1 where none are left but those that somebody waits
-- for.
local state = ARGV[1]
local limit = tonumber(ARGV[2])
local reason = ARGV[3]
retention = ARGV[4]

local function forget_oldest()
  return part.finishing.forget_finished(state, redis.call('ZRANGE', key(state), 0, limit - 1))
end

-- The next queued jobs, with where their entries are: {ids, list}.
local function next_queued()
  local names = {''}
  for _, group in ipairs(redis.call('ZRANGE', key('groups'), 0, 49)) do names[#names + 1] = group end
  for _, group in ipairs(names) do
    for i = 1, 4 do
      local target = lane_key(group, LANES[i])
      local ids = redis.call('LRANGE', target, -limit, -1)
      if #ids > 0 then return ids, target, group end
    end
  end
  return redis.call('LRANGE', key('handoff'), 0, -1), key('handoff'), ''
end

local function cancel_next()
  local ids, target, group
  if state == 'queued' then
    ids, target, group = next_queued()
  else
    ids = redis.call('ZRANGE', key(state), 0, limit - 1)
  end
  local jobs, met = {}, {}
  for i = 1, #ids do
    local job = part.unstarted.read(ids[i])
    if job and job.state == state and not met[ids[i]] then
      if job.x.u then part.unique.foresee_end(job) end
      -- one that only waits for its unique key ends before the holder, who would let it start
      local follows = job.holders and job.holders.second == job.id
      table.insert(jobs, follows and 1 or #jobs + 1, job)
      met[ids[i]] = true
    end
  end
  if target and #ids > 0 then redis.call('RPOP', target, #ids) end
  for _, job in ipairs(jobs) do part.unstarted.end_unstarted(job, 'cancelled', reason) end
  if group and on.grouped then part.groups.place(group) end
  return #ids, #jobs
end

allow_oom()
local found, number
if FINAL[state] then
  number = forget_oldest()
  found = number
else
  found, number = cancel_next()
end
part.finishing.finish_all()
make_runnable()
if on.grouped then part.groups.close_ring() end
refill()
publish_events()
return found == 0 and -1 or number
