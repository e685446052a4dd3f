-- Add a name to a set, also when memory is full.
-- KEYS: set, any other in its slot. ARGV: name.
redis.call('DEL', KEYS[2])
redis.call('SADD', KEYS[1], ARGV[1])
