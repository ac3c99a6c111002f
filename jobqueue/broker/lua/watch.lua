--!include older dependencies ages
-- A job of another queue waits for one of this: it is told when that ends, or at once where it has.
-- One that is so young that it may still come in (its call goes on to this queue) is `coming`:
-- nothing is done, the message is to be sent again.
local job = ARGV[1]
local peer = ARGV[2]

local YOUNG_MS = 60000 -- far longer than a call takes from its first queue to its last

local refusal = part.older.refuse_beside()
if refusal then return refusal end
local known = first_letter(job) ~= ''
local parent = job_of(job, {'state', 'result'})
local state = known and parent.state or 'gone'
local result = part.dependencies.result_of(job, parent)
local list = prefix .. job .. ':dependents'
if not known and now - part.ages.since(job) < YOUNG_MS then return 'coming' end
local listed = redis.call('LPOS', list, peer)
allow_oom()
if not known or FINAL[state] then
  send(peer, {op = 'tell', peer = part.dependencies.full_id(job), state = state, result = result})
elseif not listed then
  raise_layout()
  redis.call('RPUSH', list, peer)
  redis.call('HSET', status_key(job), 'dependents', 1)
end
return state
