-- What every script starts from: the queue's keys, the time, and small helpers.
--
-- Scripts read all they need before their first write, so that one that fails has changed nothing.

local meta = KEYS[1]
local prefix = string.sub(meta, 1, -5) -- "<namespace>:{<queue>}:"
local queue = string.match(prefix, '{(.*)}')

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local LANES = {'critical', 'high', 'normal', 'low'}
local LANE_OF = {c = 'critical', h = 'high', n = 'normal', l = 'low'}

local function key(name) return prefix .. name end
local function status_key(id) return prefix .. id .. ':status' end
local function integer(number) return string.format('%d', number) end

-- Calls `command key member member ...` in slices that fit Lua's stack.
local function many(command, target, arguments)
  for first = 1, #arguments, 1000 do
    redis.call(command, target, unpack(arguments, first, math.min(first + 999, #arguments)))
  end
end

-- Lets the script go on when Redis is out of memory: Redis refuses a command that may grow only as
-- a script's first write, so a deletion of nothing goes first. For all but the enqueue.
local function allow_oom() redis.call('DEL', key('nothing')) end

-- Ends the script while its slot is being moved to another node: keys that are not here may be there,
-- and a node refuses a command about such a key. `allow_oom` does this as well.
local function refuse_while_moving() redis.call('EXISTS', key('nothing')) end

local function refuse_version(stored, version)
  return redis.error_reply('SCHEMA this queue has layout ' .. stored .. ', this program writes '
    .. version .. ': run the same version everywhere')
end
