--!include older dependencies moves ages
-- A job of another queue waits for one of this, which it calls `name` where that is given: it is told
-- when that ends, or at once where it has; where that was moved on, the queue to which it went is
-- asked. One that may still come in, because it is young and its call goes on to this queue, or because
-- it has not arrived by its move `number`, is `coming`: nothing is done, the message is to be sent again.
local job = ARGV[1]
local peer = ARGV[2]
local name = ARGV[3]
local number = tonumber(ARGV[4])

local YOUNG_MS = 60000 -- far longer than a call takes from its first queue to its last

local refusal = part.older.refuse_beside()
if refusal then return refusal end
local known = first_letter(job) ~= ''
local parent = job_of(job, {'state', 'result'})
local state = known and parent.state or 'gone'
local result = part.dependencies.result_of(job, parent)
local list = prefix .. job .. ':dependents'
local entry = name == '' and peer or peer .. ' ' .. name
local move, moved_to = part.moves.latest(job)
local young = move == 0 and now - part.ages.since(job) < YOUNG_MS
if not known and (young or move < number) then return 'coming' end
local listed = redis.call('LPOS', list, entry)
allow_oom()
if not known and moved_to then
  local called = name ~= '' and name or part.dependencies.full_id(job)
  part.dependencies.watch_from_afar(moved_to, peer, called, move)
elseif not known or FINAL[state] then
  part.dependencies.tell_from_afar(entry, job, state, result)
elseif not listed then
  raise_layout()
  redis.call('RPUSH', list, entry)
  redis.call('HSET', status_key(job), 'dependents', 1)
end
return state
