-- Begin and finish a checkout. From held to paying is a one-way street.

local NONE = string.rep('\0', 16)

local function begin(g, ops, at)
  local user = next_user(g)
  local named = sub(ops, at, at + 15)
  local hold = live_hold(g, user)
  if not hold or (named ~= NONE and named ~= sub(hold, 1, 16)) then
    return 'N', at + 16
  end
  if not is_paying(hold) then
    put(g, user, hold .. pack('>I6', now))
    table_of(g, 'begun')[user] = now
    table_of(g, 'ended')[user] = nil
    g.stale = g.stale + 1
  end
  return 'B' .. sub(hold, 1, 26) .. g.epoch, at + 16
end

-- Takes out a hold that the record settled, in whatever state it is, and adopts the record after it, in one step.
local function finish(g, ops, at)
  local user = next_user(g)
  local reservation, known, version, total = parse('>c16Bc8I4', ops, at)
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
  local terms, after = terms_at(ops, at + 29)
  if known == 1 then
    adopt_if_newer(g, version, total, terms)
  end
  return 'D', after
end
