-- One hold for one caller: ends what is due, then holds the units if they are there.
-- KEYS: the product (total, reserved), its holds by user, their deadlines.
-- ARGV: user, quantity, reservation, now, deadline. Answers what is available afterwards, or -1: not enough.
local quantity = tonumber(ARGV[2])
for _, user in ipairs(redis.call('ZRANGE', KEYS[3], '-inf', ARGV[4], 'BYSCORE', 'LIMIT', 0, 100)) do
    local hold = redis.call('HGET', KEYS[2], user)
    redis.call('HINCRBY', KEYS[1], 'reserved', -tonumber(hold:match('^(%d+):')))
    redis.call('HDEL', KEYS[2], user)
    redis.call('ZREM', KEYS[3], user)
end
local product = redis.call('HMGET', KEYS[1], 'total', 'reserved')
local held = redis.call('HGET', KEYS[2], ARGV[1])
local had = held and tonumber(held:match('^(%d+):')) or 0
local available = tonumber(product[1]) - tonumber(product[2]) + had - quantity
if available < 0 then
    return -1
end
redis.call('HINCRBY', KEYS[1], 'reserved', quantity - had)
redis.call('HSET', KEYS[2], ARGV[1], quantity .. ':' .. ARGV[3])
if not held then
    redis.call('ZADD', KEYS[3], ARGV[5], ARGV[1])
end
return available
