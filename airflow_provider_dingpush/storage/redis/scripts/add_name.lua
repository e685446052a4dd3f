-- Add a name to a set, also when all memory is used up.
-- KEYS: set, any other in its slot. ARGV: name.
redis.call('DEL', KEYS[2])
redis.call('SADD', KEYS[1], ARGV[1])
