-- Take a lock, also when memory is full, and again with the same token if the first reply was lost.
-- KEYS: lock, any other in its slot. ARGV: token, milliseconds.
redis.call('DEL', KEYS[2])
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
return redis.call('GET', KEYS[1]) == ARGV[1] and 1 or 0
