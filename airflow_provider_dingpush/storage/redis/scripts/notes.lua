-- Notes that have not expired: the time; and name, expiry and value of each.
-- KEYS: untils, values. ARGV: at most; or a name.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local names
if ARGV[2] then
  local till = redis.call('ZSCORE', KEYS[1], ARGV[2])
  names = till and tonumber(till) > now and {ARGV[2], till} or {}
else
  names = redis.call('ZRANGEBYSCORE', KEYS[1], string.format('(%.6f', now), '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[1])
end
local found = {}
for i = 1, #names, 2 do
  table.insert(found, {names[i], names[i + 1], redis.call('HGET', KEYS[2], names[i]) or ''})
end
return {string.format('%.6f', now), found}
