-- Change a book: 1; 0 if the lock is lost. Also when memory is full, or nothing could ever be sent to free some.
-- KEYS: lock, records, known (keys by when they were remembered), names (the same keys by name).
-- ARGV: token, seconds, number of deletes, of puts, of keys to forget, of prefixes to forget;
--       deletes..., (id, record)..., keys..., prefixes..., keys to remember...
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[2], '')
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local at = 7
local function forget(names)
  for _, name in ipairs(names) do
    redis.call('ZREM', KEYS[3], name)
    redis.call('ZREM', KEYS[4], name)
  end
end
for _ = 1, ARGV[3] do
  redis.call('HDEL', KEYS[2], ARGV[at])
  at = at + 1
end
for _ = 1, ARGV[4] do
  redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 1])
  at = at + 2
end
for _ = 1, ARGV[5] do
  forget({ARGV[at]})
  at = at + 1
end
for _ = 1, ARGV[6] do
  forget(redis.call('ZRANGEBYLEX', KEYS[4], '[' .. ARGV[at], '[' .. ARGV[at] .. '\255'))
  at = at + 1
end
if at <= #ARGV then
  forget(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', string.format('(%.6f', now - ARGV[2])))
  for i = at, #ARGV do
    redis.call('ZADD', KEYS[3], string.format('%.6f', now), ARGV[i])
    redis.call('ZADD', KEYS[4], 0, ARGV[i])
  end
end
return 1
