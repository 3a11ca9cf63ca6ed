-- Begin and finish a checkout. From held to paying is a one-way street.

local function begin_hold(g, user, named)
  local hold = live_hold(g, user)
  if not hold or (named ~= NO_NAME and named ~= sub(hold, 1, 16)) then
    return 'N'
  end
  if not is_paying(hold) then
    put(g, user, hold .. pack('>I6', now))
    table_of(g, 'begun')[user] = now
    table_of(g, 'ended')[user] = nil
    g.stale = g.stale + 1
  end
  return 'B' .. sub(hold, 1, 26) .. g.epoch
end

local function begin(g, ops, at)
  return begin_hold(g, next_user(g), sub(ops, at, at + 15)), at + 16
end

local function begin_each(g, ops, count)
  local answers, named = {}, #ops > BEGIN_ITEMS
  for i = 1, count do
    local name = named and sub(ops, BEGIN_ITEMS + 16 * (i - 1), BEGIN_ITEMS + 16 * i - 1) or NO_NAME
    answers[i] = begin_hold(g, next_user(g), name)
  end
  return table.concat(answers)
end

-- Takes out a hold that the record settled, in whatever state it is.
local function end_hold(g, user, reservation)
  local hold = g.holds[user]
  if hold and sub(hold, 1, 16) == reservation then
    remove(g, user, parse('>I4', hold, 17))
    if is_paying(hold) then
      table_of(g, 'ended')[user] = true
      table_of(g, 'begun')[user] = nil
    else
      g.stale = g.stale + 1
    end
  end
end

-- Adopts the record after it in the same step.
local function finish(g, ops, at)
  local reservation, known, version, total = parse('>c16Bc8I4', ops, at)
  local terms, after = terms_at(ops, at + 29)
  end_hold(g, next_user(g), reservation)
  if known == 1 then
    adopt_if_newer(g, version, total, terms)
  end
  return 'D', after
end

local function finish_each(g, ops, count)
  local known, version, total = parse(FINISH_FORMAT, ops, 6)
  local terms, at = terms_at(ops, FINISH_TERMS)
  for _ = 1, count do
    end_hold(g, next_user(g), sub(ops, at, at + 15))
    at = at + 16
  end
  if known == 1 then
    adopt_if_newer(g, version, total, terms)
  end
  return string.rep('D', count)
end
