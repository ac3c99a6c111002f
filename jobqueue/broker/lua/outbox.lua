-- Messages for other queues, which no script can reach from here: they are carried over by whoever
-- passes, at least once and in any order, and what they do in the other queue is done once.

-- `to` is the full id of the job that the message is for.
local function send(to, message)
  message.to = to
  redis.call('ZADD', key('outbox'), now, cmsgpack.pack(message))
end
