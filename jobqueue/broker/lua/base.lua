-- What every script starts from: the queue's keys, the time, what is on, and small helpers.
--
-- Scripts read all they need before their first write, so that one that fails has changed nothing.

local meta = KEYS[1]
local prefix = string.sub(meta, 1, -5) -- "<namespace>:{<queue>}:"
local queue = string.match(prefix, '{(.*)}')

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function integer(number) return string.format('%d', number) end
local stamp = integer(now) -- a number is turned into text each time that it is an argument

local LANES = {'critical', 'high', 'normal', 'low'}
local LANE_OF = {c = 'critical', h = 'high', n = 'normal', l = 'low'}
local FINAL = {completed = true, dead = true, cancelled = true}

local function key(name) return prefix .. name end
local function status_key(id) return prefix .. id .. ':status' end

-- The modules that this script includes, by name. Their functions are made when one of them is first
-- asked for: making all takes longer than a small script does.
local part = {}

-- What is on in this queue, read once a call: what is off costs no command. `features` is there while
-- any of the others is.
local FEATURES = {'batches', 'paused', 'gated', 'cap', 'rate', 'size', 'starvation', 'grouped', 'turn',
  'group_cap', 'group_rate', 'group_size', 'own_limits', 'holds', 'releasing', 'archive', 'moves'}
local on = {}
local stored = redis.call('HMGET', meta, 'version', 'features', 'intake')
on.version, on.intake = stored[1], stored[3] -- batches of layout 1
if stored[2] then
  for i, value in ipairs(redis.call('HMGET', meta, unpack(FEATURES))) do on[FEATURES[i]] = value end
end

local function turn_on(feature, value)
  if on[feature] and not value then return end
  redis.call('HSET', meta, feature, value or 1, 'features', 1)
  on[feature] = value or '1'
end

local function turn_off(feature)
  if not on[feature] then return end
  redis.call('HDEL', meta, feature)
  on[feature] = nil
  for _, other in ipairs(FEATURES) do
    if on[other] then return end
  end
  redis.call('HDEL', meta, 'features')
end

local retention -- 'state age_ms count ...' of the final states, in scripts that end jobs

local NO_X = {} -- of a job that asked for nothing; never written

-- The fields of a job's status by name, with what it was enqueued with (`x`) unpacked.
-- One that never left `queued` may have none.
local function job_of(id, fields)
  local values = redis.call('HMGET', status_key(id), unpack(fields))
  local job = {id = id}
  for i = 1, #fields do job[fields[i]] = values[i] or nil end
  job.state = job.state or 'queued'
  job.x = job.x and cmsgpack.unpack(job.x) or NO_X
  return job
end

-- The lane of a job whose spec (or its first letter) is given.
local function lane_of(job, spec) return LANE_OF[job.lane or string.sub(spec, 1, 1)] end

local function first_letter(id) return redis.call('GETRANGE', prefix .. id, 0, 0) end

-- Calls `command key member member ...` in slices that fit Lua's stack.
local function many(command, target, arguments)
  for first = 1, #arguments, 1000 do
    redis.call(command, target, unpack(arguments, first, math.min(first + 999, #arguments)))
  end
end

local function reversed(ids)
  local result = {}
  for i = #ids, 1, -1 do result[#result + 1] = ids[i] end
  return result
end

-- Lets the script go on when Redis is out of memory: Redis refuses a command that may grow only as
-- a script's first write, so a deletion of nothing goes first. For all but the enqueue.
local function allow_oom() redis.call('DEL', key('nothing')) end

-- How many more jobs the queue takes, where it has a size limit.
local function room_left()
  return tonumber(on.size) - tonumber(redis.call('HGET', meta, 'queued') or 0)
    - redis.call('ZCARD', key('scheduled')) - redis.call('ZCARD', key('blocked'))
end

-- Ends the script while its slot is being moved to another node: keys that are not here may be there,
-- and a node refuses a command about such a key. `allow_oom` does this as well.
local function refuse_while_moving() redis.call('EXISTS', key('nothing')) end
