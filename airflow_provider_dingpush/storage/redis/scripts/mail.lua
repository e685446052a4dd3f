-- The oldest bodies of a box: how many were ever refused, how many of those are acknowledged; time, id and body of each.
-- KEYS: bodies, order, overflow, acknowledged. ARGV: at most.
local found = {}
local ids = redis.call('ZRANGE', KEYS[2], 0, ARGV[1] - 1, 'WITHSCORES')
for i = 1, #ids, 2 do
  table.insert(found, {ids[i + 1], ids[i], redis.call('HGET', KEYS[1], ids[i]) or ''})
end
return {redis.call('GET', KEYS[3]) or '0', redis.call('GET', KEYS[4]) or '0', found}
