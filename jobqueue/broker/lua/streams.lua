-- Lane entries in the order in which they may start, read and not yet taken.
--
-- An entry is a hint: it counts only where its job is queued, and has its home in this lane.

local LOOKS = 500 -- lane entries that one call looks at
local FIELDS = {'state', 'lane', 'attempt', 'deliveries', 'crashes', 'run_at', 'token', 'x',
  'expires_at', 'dependents'}
local NEW = {state = 'queued', x = {}} -- what a job without a status is

local looked = 0 -- entries looked at so far
local met = {}
local expired = {} -- jobs that were to start before now
local streams = {} -- lane key -> stream

-- Appends to `buffer` the candidates {job, id, spec, lane, group, position} among `ids`, in order.
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
  local new_ones = redis.call('EXISTS', unpack(status_keys)) == 0
  for i = 1, #ids do
    local id, spec = ids[i], specs[i]
    local job = spec and not met[id] and (new_ones and NEW or job_of(id, FIELDS))
    if job and job.state == 'queued' then
      local lane, group = lane_of(job, spec), job.x.g or ''
      if not stream or (stream.lane == lane and stream.group == group) then
        met[id] = true
        if job.expires_at and tonumber(job.expires_at) <= now then
          expired[#expired + 1] = job
        else
          if job.x.m == 'debounce' then job.holders = holders_of(job) end
          buffer[#buffer + 1] = {job = job, id = id, spec = spec, lane = lane, group = group,
            position = stream and stream.fetched + i}
        end
      end
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
