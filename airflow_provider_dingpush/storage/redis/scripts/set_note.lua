-- Set a note, also when memory is full: it is small, and sending depends on it.
-- KEYS: untils, values. ARGV: name, value, seconds, until, newest (0: all), whether it extends an existing one.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local function forget(names)
  for _, name in ipairs(names) do
    redis.call('ZREM', KEYS[1], name)
    redis.call('HDEL', KEYS[2], name)
  end
end
redis.call('ZREM', KEYS[1], '')
forget(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.6f', now)))
local till = math.min(now + ARGV[3], tonumber(ARGV[4]))
local before = ARGV[6] == '1' and redis.call('ZSCORE', KEYS[1], ARGV[1])
if before then till = math.max(till, tonumber(before)) end
if till <= now then
  forget({ARGV[1]})
  return
end
redis.call('ZADD', KEYS[1], string.format('%.6f', till), ARGV[1])
if not before then
  if ARGV[2] == '' then redis.call('HDEL', KEYS[2], ARGV[1]) else redis.call('HSET', KEYS[2], ARGV[1], ARGV[2]) end
end
if tonumber(ARGV[5]) > 0 then forget(redis.call('ZRANGE', KEYS[1], 0, -ARGV[5] - 1)) end
local seconds = math.ceil(ARGV[3])
for _, key in ipairs(KEYS) do
  if redis.call('TTL', key) < seconds then redis.call('EXPIRE', key, seconds) end
end
