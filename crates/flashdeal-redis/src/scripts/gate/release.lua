-- Release: held is gone; what is being paid for is left alone, the record must void it first.

local function release(g, ops, at)
  local user = next_user(g)
  local hold, quantity = live_hold(g, user)
  if not hold then
    return 'N', at
  end
  if is_paying(hold) then
    return 'Y' .. sub(hold, 1, 26), at
  end
  remove(g, user, quantity)
  g.stale = g.stale + 1
  return 'L' .. sub(hold, 1, 26), at
end

local function release_each(g, ops, count)
  local answers = {}
  for i = 1, count do
    answers[i] = release(g, ops)
  end
  return table.concat(answers)
end
