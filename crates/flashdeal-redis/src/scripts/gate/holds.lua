-- Holds in the memory of this call. Nothing is written before every operation has been looked at.

local function put(g, user, hold)
  g.holds[user] = hold
  g.dirty = true
  g.changes[#g.changes + 1] = user
end

local function index_hold(g, user, deadline)
  if deadline < g.next_due then
    g.next_due = deadline
  end
  if g.index == NO_INDEX then
    return
  end
  local entries = table_of(g, 'entries')
  local users = entries[deadline]
  if users then
    users[#users + 1] = user
  else
    entries[deadline] = { user }
  end
end

-- Frees the units of a hold and forgets it.
local function remove(g, user, quantity)
  g.reserved = g.reserved - quantity
  put(g, user, false)
end

local function lapse(g, user, quantity)
  remove(g, user, quantity)
  lapsed = lapsed + 1
end

-- A clock that was set back must not lengthen a hold: it ends at most its time to live from now.
local function clamp(g, user, hold, ttl)
  local deadline = now + ttl
  local clamped = sub(hold, 1, 20) .. pack('>I6', deadline) .. sub(hold, 27)
  put(g, user, clamped)
  if #hold == HELD_SIZE then
    index_hold(g, user, deadline)
  end
  return clamped, deadline
end

-- The live hold of a user and its quantity, or nil. One that is due ends here and now, whether or not the sweep has come to it.
local function live_hold(g, user)
  local hold = g.holds[user]
  if not hold then
    return nil
  end
  local quantity, deadline, ttl = parse('>I4I6I4', hold, 17)
  if deadline > now + ttl then
    g.stale = g.stale + 1
    hold, deadline = clamp(g, user, hold, ttl)
  end
  if #hold == HELD_SIZE and deadline <= now then
    lapse(g, user, quantity)
    g.stale = g.stale + 1 -- its place in the index
    return nil
  end
  return hold, quantity
end

local function is_paying(hold)
  return #hold > HELD_SIZE
end

-- The terms go with their version, like the total. A gate that does not know its terms takes those of the version it has as well.
local function adopt_if_newer(g, version, total, terms)
  if newer(version, g.version) or (g.terms == UNKNOWN_TERMS and version == g.version) then
    g.version, g.total, g.terms, g.dirty = version, total, terms, true
    g.starts = nil -- what was read of the terms before
  end
end
