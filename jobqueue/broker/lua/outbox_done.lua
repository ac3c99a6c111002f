-- Removes messages that have arrived.
-- ARGV[1..]: message

allow_oom()
redis.call('ZREM', key('outbox'), unpack(ARGV))
return #ARGV
