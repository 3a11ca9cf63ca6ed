-- The call itself.

local run_operations

-- Runs the operations of one product and answers them in their order.
local function run_product(key, ops, count, first, last)
  local found = redis.pcall('HMGET', key, META, unpack(argv, first, last))
  local problem = found.err -- the key is not a gate at all
  if problem then
    return string.rep('E' .. pack('>Hc0', #problem, problem), count)
  end
  local kind, meta, answer = byte(ops, 5), found[1], nil
  if meta and kind == CROWD then
    answer = quick_crowd(key, found, ops, first, last)
  elseif meta and kind == RESERVE and count == 1 and not found[2] then
    answer = quick_reserve(key, meta, argv[first], ops)
  elseif meta and kind == VIEW then
    answer = quick_view(meta)
  end
  if answer then
    return answer
  end
  run_operations = run_operations or machinery()
  return run_operations(key, found, ops, count, first, last)
end

local answers = {}
local at = 2
for i = 1, #KEYS do
  local ops = argv[at]
  local count, users = parse('>HH', ops)
  answers[i] = run_product(KEYS[i], ops, count, at + 1, at + users)
  at = at + users + 1
end
return pack('>I6I4', now, lapsed) .. table.concat(answers)
