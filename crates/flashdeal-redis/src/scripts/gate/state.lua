-- The state of a gate in the memory of a call, and what the call comes to. Nothing is written before every operation has been looked at.

-- Tables cost more than most of what is done here, so those that are seldom needed are made when they are.
local NOTHING = {}

local function table_of(g, name)
  local mine = g[name]
  if mine == NOTHING then
    mine = {}
    g[name] = mine
  end
  return mine
end

-- The gate that was `found`: its state, then the holds of the users `argv[first]` to `argv[last]`. Nil if it has no state.
local function gate_of(key, found, first, last)
  local meta = found[1]
  if not meta then
    return nil
  end
  local holds = {}
  for i = first, last do
    holds[argv[i]] = found[i - first + 2]
  end
  local epoch, version, born, total, reserved, next_due, leaves, clock, pages, fresh, stale, paying, index, lost, opened_by, cursor, rest =
    parse(META_FORMAT, meta)
  if pages == NO_PAGES then
    index, pages = NO_INDEX, 0
  end
  return {
    key = key, next_user = first,
    epoch = epoch, version = version, total = total, reserved = reserved, run = opened_by,
    terms = sub(meta, rest), -- of this version, as they stand in META
    born = born,         -- the epoch under which the gate began without holds
    next_due = next_due, -- no hold is due before
    leaves = leaves,     -- when Redis forgets the product
    clock = clock,       -- the time of the last write; a later one if the clock was set back and nobody has acted on it yet
    pages = pages, fresh = fresh, stale = stale, index = index, -- the deadline index, see index.lua
    paying = paying,     -- the size of `…:paying`
    lost = lost == 1, cursor = cursor, -- a rebuild under way
    holds = holds,       -- user → hold as it will be, or false
    changes = {},        -- users whose field is to be written; perhaps twice, to the same
    entries = NOTHING,   -- deadline → users to be put in the index
    drop = NOTHING,      -- pages to be taken out of each index
    begun = NOTHING, ended = NOTHING, -- to be put in and taken out of `…:paying`
    keys = NOTHING,      -- idempotency keys: what they remember
    dirty = false, swept = false, extend = false,
  }
end

local function next_user(g)
  local user = argv[g.next_user]
  g.next_user = g.next_user + 1
  return user
end
