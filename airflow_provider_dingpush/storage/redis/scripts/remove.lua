-- Remove bodies and settle what was refused, also when all memory is used up: nothing else frees some. Redis lets a
-- script go on that has removed something, even if there was nothing to remove.
-- KEYS: bodies, order, bytes, dead, settled. ARGV: whether to keep the bodies as dead, settled, ids...
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
