-- Reads a gate for an audit, at one instant, and writes nothing.
--
-- KEYS       the gate's hash, its two indexes by deadline, and who is paying
-- ARGV[1]    the most fields of the hash that are read; of a larger one only its state
--
-- It answers the server's run, its time, the state, how many fields there are, the sizes of the three sorted sets; then the
-- fields and their values, the pages of both indexes, and who is paying.

local call = redis.call
local time = call('TIME')
local run = string.match(call('INFO', 'server'), 'run_id:(%x+)')
local meta = call('HGET', KEYS[1], '\0')
local size = call('HLEN', KEYS[1])
local sizes = { call('ZCARD', KEYS[2]), call('ZCARD', KEYS[3]), call('ZCARD', KEYS[4]) }
local fields, pages, paying = {}, {}, {}
if meta and size <= tonumber(ARGV[1]) then
  fields = call('HGETALL', KEYS[1])
  for i = 2, 3 do
    for _, page in ipairs(call('ZRANGE', KEYS[i], 0, -1)) do
      pages[#pages + 1] = page
    end
  end
  paying = call('ZRANGE', KEYS[4], 0, -1)
end
return { run, time[1] * 1000 + math.floor(time[2] / 1000), meta, size, sizes, fields, pages, paying }
