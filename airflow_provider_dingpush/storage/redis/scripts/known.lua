-- Those of some keys that are remembered.
-- KEYS: known. ARGV: seconds, keys...
local time = redis.call('TIME')
local since = time[1] + time[2] / 1e6 - ARGV[1]
local found = {}
for i = 2, #ARGV do
  local at = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if at and tonumber(at) >= since then table.insert(found, ARGV[i]) end
end
return found
