-- The call itself.

local run_operations

-- The answers to operations that are quick to serve, or nil.
local function run_quickly(key, found, ops, count, first, last)
  local kind, meta = byte(ops, 5), found[1]
  if kind == RESERVE_ALL then
    return quick_reserve_all(key, found, ops, first, last)
  elseif kind == RESERVE then
    return count == 1 and not found[2] and quick_reserve(key, meta, argv[first], ops)
  elseif kind == STATUS then
    return count == 1 and quick_status(key, meta)
  elseif kind == BEGIN_ALL then
    return quick_begin_all(key, found, ops, first, last)
  elseif kind == FINISH_ALL then
    return quick_finish_all(key, found, ops, first, last)
  elseif kind == RELEASE_ALL then
    return quick_release_all(key, found, first, last)
  elseif kind == VIEW then
    return quick_view(key, meta)
  end
end

-- Runs a group of operations of one product and answers them in their order.
local function run_group(key, ops, count, first, last)
  local found = redis.pcall('HMGET', key, META, unpack(argv, first, last))
  local problem = found.err -- the key is not a gate at all
  if problem then
    return string.rep('E' .. pack('>Hc0', #problem, problem), count)
  end
  local answers = found[1] and run_quickly(key, found, ops, count, first, last)
  if not answers then
    run_operations = run_operations or machinery()
    answers = run_operations(key, found, ops, count, first, last)
  end
  return answers
end

local answers = {}
local at = 2
for i = 1, #KEYS do
  local ops = argv[at]
  local count, users = parse('>HH', ops)
  answers[i] = run_group(KEYS[i], ops, count, at + 1, at + users)
  at = at + users + 1
end
return pack('>I6I4', now, lapsed) .. table.concat(answers)
