-- How new jobs enter: directly, or from a batch that was staged because it is large.
-- A batch is a list of (id, spec, delay, run_at) quadruples, oldest at the left.

-- Writes jobs that are new: specs, lanes, schedule. `jobs` is a flat list of quadruples.
-- Returns each job's state, and the id that became the first due (or nil).
local function accept(jobs, existing, first_due)
  local specs, due, states, wake = {}, {}, {}, nil
  for i = 1, #jobs, 4 do
    local id, spec = jobs[i], jobs[i + 1]
    local at = math.max(now + tonumber(jobs[i + 2]), tonumber(jobs[i + 3]))
    local index = (i + 3) / 4
    if existing[index] then
      states[index] = redis.call('HGET', status_key(id), 'state') or 'queued'
    else
      specs[#specs + 1] = prefix .. id
      specs[#specs + 1] = spec
      local lane = string.sub(spec, 1, 1)
      if at > now then
        states[index] = 'scheduled'
        due[#due + 1] = at
        due[#due + 1] = id
        redis.call('HSET', status_key(id), 'state', 'scheduled', 'run_at', at, 'lane', lane)
        if not first_due or at < first_due then first_due = at; wake = id end
      else
        states[index] = 'queued'
        ready(id, LANE_OF[lane])
      end
      event(id, states[index])
    end
  end
  for first = 1, #specs, 1000 do
    redis.call('MSET', unpack(specs, first, math.min(first + 999, #specs)))
  end
  if #due > 0 then many('ZADD', key('scheduled'), due) end
  return states, wake
end

local function known(jobs)
  local keys = {}
  for i = 1, #jobs, 4 do keys[#keys + 1] = prefix .. jobs[i] end
  return redis.call('MGET', unpack(keys))
end

-- When the next scheduled job is due; asked only where one of `jobs` is delayed.
local function next_due(jobs)
  for i = 1, #jobs, 4 do
    if jobs[i + 2] ~= '0' or jobs[i + 3] ~= '0' then
      return tonumber(redis.call('ZRANGE', key('scheduled'), 0, 0, 'WITHSCORES')[2])
    end
  end
end

-- Accepts `jobs` and wakes whom it takes. Returns their states.
local function accept_all(jobs)
  local states, wake = accept(jobs, known(jobs), next_due(jobs))
  make_runnable()
  if wake then wake_for(wake) end
  return states
end

-- Moves up to `limit` jobs of the oldest accepted batch. Returns whether any are left.
local function move_intake(limit)
  local batch = redis.call('LINDEX', key('intake'), -1)
  local jobs = batch and redis.call('LRANGE', key('batch:' .. batch), 0, 4 * limit - 1) or {}
  if #jobs > 0 then
    accept_all(jobs)
    redis.call('LTRIM', key('batch:' .. batch), #jobs, -1)
  end
  if batch and #jobs < 4 * limit then redis.call('RPOP', key('intake')) end
  local left = redis.call('LLEN', key('intake')) > 0
  if not left then redis.call('HDEL', meta, 'intake') end
  return left
end
