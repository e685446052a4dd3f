-- Remove bodies and acknowledge refused ones, also when memory is full: nothing else frees some. Redis lets a script
-- continue after a delete command, even if nothing was deleted.
-- KEYS: bodies, order, bytes, dead, acknowledged. ARGV: whether to keep the bodies as dead, acknowledged, ids...
redis.call('HDEL', KEYS[1], '')
for i = 3, #ARGV do
  local body = redis.call('HGET', KEYS[1], ARGV[i])
  if body then
    redis.call('HDEL', KEYS[1], ARGV[i])
    if ARGV[1] == '1' then redis.call('HSET', KEYS[4], ARGV[i], body) end
    redis.call('DECRBY', KEYS[3], #body)
  end
  redis.call('ZREM', KEYS[2], ARGV[i])
end
if redis.call('HLEN', KEYS[1]) == 0 then redis.call('DEL', KEYS[3]) end
if tonumber(ARGV[2]) > 0 then redis.call('SET', KEYS[5], ARGV[2]) end
