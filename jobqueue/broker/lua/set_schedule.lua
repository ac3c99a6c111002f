--!include older schedules
-- Changes a schedule, unless it has changed since the caller read it: `expected` is its stamp
-- then, `revision` never was one. With an empty definition the definition stays; with an empty slot it does not fire.
-- Returns 1, or 0 when it had changed.
local name = ARGV[1]
local expected = ARGV[2]
local revision = ARGV[3]
local state = ARGV[4]
local slot = ARGV[5]
local definition = ARGV[6]
local digest = ARGV[7]
-- ARGV[8..]: field, value

local refusal = part.older.refuse_beside()
if refusal then return refusal end
if stamp_of(name) ~= expected then return 0 end
if definition == '' then allow_oom() end
redis.call('HSET', standing_key(name), 'revision', revision, 'state', state, unpack(ARGV, 8))
if definition ~= '' then
  redis.call('HSET', standing_key(name), 'digest', digest)
  redis.call('HSET', definitions_key, name, definition)
end
if slot == '' then
  redis.call('ZREM', due_key, name)
else
  redis.call('ZADD', due_key, slot, name)
end
raise_layout()
return 1
