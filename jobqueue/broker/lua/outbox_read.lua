--!include version
-- The oldest messages for other queues, at most `limit`. Answers {message, to, op, peer, state, result,
-- spec, run_at, extras, move, log, name, number} each; `message` is what `outbox_done` takes.
local limit = tonumber(ARGV[1])

local messages = {}
for i, packed in ipairs(redis.call('ZRANGE', key('outbox'), 0, limit - 1)) do
  local message = cmsgpack.unpack(packed)
  messages[i] = {packed, message.to, message.op, message.peer or '', message.state or '',
    message.result or '', message.spec or '', message.run_at or '0', message.extras or '',
    message.move or '', message.log or '', message.name or '', message.number or 0}
end
return messages
