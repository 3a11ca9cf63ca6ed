-- Counts requests of clients, each in a window that opens with the client's first request.
--
-- KEYS       a counter for each client
-- ARGV[1]    requests a window
-- ARGV[2]    length of a window in milliseconds
-- ARGV[3…]   for each client: how many were let through already, to be counted in any case; how many ask to be let through
--
-- It answers for each client: how many of the asking are let through, the count now, milliseconds to the end of the window.
-- Refused requests are not counted: a client that keeps knocking gets in as soon as the window ends.

local limit, window = tonumber(ARGV[1]), ARGV[2]
local answers = {}
for i, key in ipairs(KEYS) do
  local admitted, asking = tonumber(ARGV[1 + 2 * i]), tonumber(ARGV[2 + 2 * i])
  local count = tonumber(redis.call('GET', key) or 0)
  local granted = math.max(0, math.min(asking, limit - count - admitted))
  if admitted + granted > 0 then
    count = redis.call('INCRBY', key, admitted + granted)
  end
  local left = redis.call('PTTL', key)
  if left == -1 then
    redis.call('PEXPIRE', key, window)
    left = tonumber(window)
  end
  answers[#answers + 1] = granted
  answers[#answers + 1] = count
  answers[#answers + 1] = left
end
return answers
