--!include lanes unique
-- Lane entries in the order in which they may start, read and not yet taken.
--
-- An entry is a hint: it counts only where its job is queued, and has its home in this lane.

local LOOKS = 500 -- lane entries that one call looks at
local FIELDS = {'state', 'lane', 'attempt', 'deliveries', 'crashes', 'run_at', 'token', 'x',
  'expires_at', 'dependents'}
local NEW = {state = 'queued', x = NO_X} -- what a job without a status is

local looked = 0 -- entries looked at so far
local met = {}
local expired = {} -- jobs that were to start before now
local streams = {} -- lane key -> stream

-- What is known of a job that may start: see `look_at`; nil where it may not.
local function candidate_of(id, spec, stream)
  local job = job_of(id, FIELDS)
  if job.state ~= 'queued' then return nil end
  local lane, group = lane_of(job, spec), job.x.g or ''
  if stream and (stream.lane ~= lane or stream.group ~= group) then return nil end
  if job.expires_at and tonumber(job.expires_at) <= now then
    expired[#expired + 1] = job
    met[id] = true -- it may have more entries, of a priority that it had before
    return nil
  end
  if job.x.m == 'debounce' then job.holders = part.unique.holders_of(job) end
  return {id = id, spec = spec, job = job, lane = lane, group = group}
end

-- The same of a job that has never left `queued`, and asked for nothing.
local function new_candidate(id, spec, stream)
  local lane = LANE_OF[string.sub(spec, 1, 1)]
  if stream and (stream.lane ~= lane or stream.group ~= '') then return nil end
  return {id = id, spec = spec, job = NEW, lane = lane, group = ''}
end

-- Appends to `buffer` the candidates {id, spec, job, lane, group, position} among `ids`, in order.
local function look_at(ids, buffer, stream)
  if #ids == 0 then return end
  looked = looked + #ids
  local keys, status_keys = {}, {}
  for i = 1, #ids do
    keys[i] = prefix .. ids[i]
    status_keys[i] = keys[i] .. ':status'
  end
  local specs = redis.call('MGET', unpack(keys))
  -- most jobs have never left `queued`: one look tells that none of these has a status
  local read = redis.call('EXISTS', unpack(status_keys)) == 0 and new_candidate or candidate_of
  for i = 1, #ids do
    local id = ids[i]
    local candidate = specs[i] and not met[id] and read(id, specs[i], stream)
    if candidate then
      met[id] = true
      candidate.position = stream and stream.fetched + i
      buffer[#buffer + 1] = candidate
    end
  end
end

local function stream_of(group, lane)
  local target = lane_key(group, lane)
  local stream = streams[target]
  if not stream then
    stream = {target = target, group = group, lane = lane, fetched = 0, used = 0, buffer = {}, first = 1}
    streams[target] = stream
  end
  return stream
end

-- The next candidate of a stream, nil at its end; looks at `ahead` entries at a time.
local function peek(stream, ahead)
  while not stream.buffer[stream.first] do
    stream.used = stream.fetched -- nothing of what was looked at may start
    local wanted = math.min(ahead, LOOKS - looked)
    if stream.ended or wanted <= 0 then return nil end
    local ids = redis.call('LRANGE', stream.target, -stream.fetched - wanted, -stream.fetched - 1)
    stream.ended = #ids < wanted
    look_at(reversed(ids), stream.buffer, stream)
    stream.fetched = stream.fetched + #ids
  end
  return stream.buffer[stream.first]
end

local function take_next(stream)
  local candidate = stream.buffer[stream.first]
  stream.first = stream.first + 1
  stream.used = candidate.position
  return candidate
end

-- Removes what was taken or dropped; the only writing here.
local function pop_used()
  for target, stream in pairs(streams) do
    if stream.used > 0 then redis.call('RPOP', target, stream.used) end
  end
end
