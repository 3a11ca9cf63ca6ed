-- Whatever is asked of one product.

local operations = {
  [RESERVE] = reserve,
  [byte('w')] = withdraw,
  [byte('q')] = call_up,
  [byte('h')] = show,
  [byte('b')] = begin,
  [byte('f')] = finish,
  [byte('l')] = release,
  [STATUS] = status,
  [byte('a')] = adopt,
}

-- Crowds that are not quick to serve.
local crowds = {
  [RESERVE_ALL] = reserve_each,
  [BEGIN_ALL] = begin_each,
  [FINISH_ALL] = finish_each,
  [RELEASE_ALL] = release_each,
}

-- Runs the operations in their order on the gate that was `found`.
local function run_operations(key, found, ops, count, first, last)
  local kind, g = byte(ops, 5), gate_of(key, found, first, last)
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
  if crowds[kind] then
    local answers = crowds[kind](g, ops, count)
    commit(g)
    return answers
  end
  local answers, at = {}, 5
  for i = 1, count do
    answers[i], at = operations[byte(ops, at)](g, ops, at + 1)
  end
  commit(g)
  return table.concat(answers)
end
