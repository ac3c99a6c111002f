--!include base version events gate groups runnable unique finish outbox dependencies
-- A job of another queue waits for one of this: it is told when that ends, or at once where it has.
local job = ARGV[1]
local peer = ARGV[2]

local refusal = refuse_beside_older()
if refusal then return refusal end
local known = first_letter(job) ~= ''
local parent = job_of(job, {'state', 'result'})
local state = known and parent.state or 'gone'
local result = result_of(job, parent)
local list = prefix .. job .. ':dependents'
local listed = redis.call('LPOS', list, peer)
allow_oom()
if not known or FINAL[state] then
  send(peer, {op = 'tell', peer = full_id(job), state = state, result = result})
elseif not listed then
  raise_layout()
  redis.call('RPUSH', list, peer)
  redis.call('HSET', status_key(job), 'dependents', 1)
end
return state
