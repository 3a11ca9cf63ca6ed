-- Reserve: makes a hold, or sets the quantity of the one the user has.

-- What an idempotency key remembers of a reserve that succeeded: the hold (26 bytes), until it would lapse; then `born`, since
-- a gate that began anew without its holds has forgotten its keys, too.
local function recall(g, name)
  local memory = g.keys[name] or call('GET', g.key .. ':key:' .. name)
  if memory and parse('>I6', memory, 21) > now and sub(memory, 27) == g.born then
    return memory
  end
  return nil
end

local SHOP, CALLED = 1, 2 -- who asks, if it is no buyer of their own accord

-- Why a hold of `quantity` is not made for this caller while somebody waits, or nil.
local function against_queue(g, quantity, caller)
  local starts = parse('>I6', g.terms, 18)
  if now < starts then
    return 'A' .. pack('>I6', starts)
  elseif now >= g.ends then
    return 'O' .. pack('>I6', g.ends)
  elseif quantity > g.most then
    return 'T' .. pack('>I4', g.most)
  elseif caller ~= CALLED then
    return all_due_are_out(g) and 'Q' .. pack('>I4I6', g.total, math.max(g.reserved, 0)) or 'M'
  end
end

-- Why the terms do not allow a hold of `quantity`, or nil.
local function against_terms(g, quantity, caller)
  local starts, ends, most = g.starts, g.ends, g.most
  if not starts then
    starts, ends, most = parse(TERMS_FORMAT, g.terms, 2)
    g.starts, g.ends, g.most = starts, ends, most
  end
  if now < starts then
    if starts == QUEUED then
      return against_queue(g, quantity, caller)
    end
    return 'A' .. pack('>I6', starts)
  elseif now >= ends then
    return 'O' .. pack('>I6', ends)
  elseif quantity > most then
    return 'T' .. pack('>I4', most)
  end
end

-- `name` is that of the idempotency key, if there is one. What begins at `at` are the first 20 bytes of a hold.
local function hold_units(g, user, ops, at, quantity, ttl, name, caller)
  local hold, own = live_hold(g, user)
  if hold and is_paying(hold) then
    return 'P'
  end
  own = own or 0
  -- The terms bind what makes a hold or raises one. Most products have none: then they are one byte.
  if #g.terms > 1 and quantity > own and caller ~= SHOP then
    local refusal = against_terms(g, quantity, caller)
    if refusal then
      return refusal
    end
  end
  if quantity > g.total - g.reserved + own then
    local settled = all_due_are_out(g)
    if quantity > g.total - g.reserved + own then
      return settled and short_of_units(g.total, g.reserved) or 'M'
    end
  end

  if hold and quantity == own and not name then
    return 'U' .. sub(hold, 1, 26) -- as it was: nothing to write
  end
  g.reserved = g.reserved - own + quantity
  local answer
  if hold then
    hold = sub(hold, 1, 16) .. pack('>I4', quantity) .. sub(hold, 21)
    answer = 'U' .. sub(hold, 1, 26)
  else
    hold = sub(ops, at, at + 19) .. lasting_from_now(ttl)
    index_hold(g, user, now + ttl)
    answer = 'C'
  end
  put(g, user, hold)
  if name then
    table_of(g, 'keys')[name] = sub(hold, 1, 26) .. g.born
    g.keyed = true
  end
  return answer
end

local function reserve(g, ops, at, caller)
  local user = next_user(g)
  local quantity, ttl, key_size = parse('>I4I4B', ops, at + 16)
  local after = at + 25 + key_size
  local name
  if key_size > 0 then
    name = #user .. ':' .. user .. ':' .. sub(ops, at + 25, after - 1)
    local memory = recall(g, name)
    if memory then
      return parse('>I4', memory, 17) == quantity and 'R' .. sub(memory, 1, 26) or 'K', after
    end
  end
  return hold_units(g, user, ops, at, quantity, ttl, name, caller), after
end

-- Those of a crowd, one after the other.
local function reserve_each(g, ops, count)
  local ttl = parse('>I4', ops, 6)
  local answers, at = {}, CROWD_ITEMS
  for i = 1, count do
    answers[i] = hold_units(g, next_user(g), ops, at, parse('>I4', ops, at + 16), ttl)
    at = at + CROWD_ITEM
  end
  return table.concat(answers)
end

-- The shop's own: takes units off sale, whatever the terms of the sale.
local function withdraw(g, ops, at)
  return reserve(g, ops, at, SHOP)
end

-- For a buyer who waited and whose turn has come.
local function call_up(g, ops, at)
  return reserve(g, ops, at, CALLED)
end
