-- Keep a body: 1; 0 if its box is full (it is counted); -1 if there is one of its key.
-- KEYS: bodies, order, bytes, overflow. ARGV: id, body, most bodies, most bytes.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return -1 end
local waiting = redis.call('HLEN', KEYS[1])
if waiting > 0 and (waiting >= tonumber(ARGV[3]) or tonumber(redis.call('GET', KEYS[3]) or 0) >= tonumber(ARGV[4])) then
  redis.call('INCR', KEYS[4])
  return 0
end
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], string.format('%.6f', time[1] + time[2] / 1e6), ARGV[1])
redis.call('INCRBY', KEYS[3], #ARGV[2])
return 1
