-- The call itself.

local RESERVE, CLAIM, OPEN, VIEW = byte('r'), byte('c'), byte('o'), byte('v')

local operations = {
  [RESERVE] = reserve,
  [byte('w')] = withdraw,
  [byte('q')] = call_up,
  [byte('h')] = show,
  [byte('b')] = begin,
  [byte('f')] = finish,
  [byte('l')] = release,
  [byte('s')] = status,
  [byte('a')] = adopt,
}

-- Runs the operations of one product and answers them in their order.
local function run_product(key, ops, count, first, last)
  local found = redis.pcall('HMGET', key, META, unpack(argv, first, last))
  local problem = found.err -- the key is not a gate at all
  if problem then
    return string.rep('E' .. pack('>Hc0', #problem, problem), count)
  end
  local kind = byte(ops, 5)
  local meta, answer = found[1], nil
  if meta and kind == VIEW then
    answer = quick_view(meta)
  elseif meta and kind == RESERVE and count == 1 and not found[2] then
    answer = quick_reserve(key, meta, argv[first], ops)
  end
  if answer then
    return answer
  end
  local g = gate_of(key, found, first, last)
  if kind == CLAIM then
    return claim(key, ops)
  elseif kind == OPEN then
    return open(key, g, ops)
  elseif not g then
    return string.rep('X', count)
  elseif kind == VIEW then
    local answer = view(g, ops, 6)
    commit(g)
    return answer
  elseif g.run ~= run then
    return string.rep('Z', count)
  end

  if g.leaves < now + DAY then
    g.leaves, g.extend, g.dirty = now + DAY + HOUR, true, true
  end
  tend_index(g)
  if count == 1 then
    local answer = operations[kind](g, ops, 6)
    commit(g)
    return answer
  end
  local answers, at = {}, 5
  for i = 1, count do
    answers[i], at = operations[byte(ops, at)](g, ops, at + 1)
  end
  commit(g)
  return table.concat(answers)
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
