-- View: what the background looks at. It runs alone on its product and works on a gate of another run too.

local MOST_PAYING = 64
local NO_VERSION = string.rep('\0', 8)

-- The holds that have been paying for at least `over` milliseconds, the oldest first.
local function oldest_paying(g, over)
  if g.paying == 0 and g.cursor == '' then
    return NOTHING
  end
  local key = g.key .. ':paying'
  if call('ZCARD', key) ~= g.paying and g.cursor == '' then
    begin_rebuild(g, false)
    return {}
  end
  local users = call('ZRANGEBYSCORE', key, '-inf', now - over, 'LIMIT', 0, MOST_PAYING)
  read_holds(g, users)
  local shown = {}
  for i = 1, #users do
    local user = users[i]
    local hold = g.holds[user]
    if hold and is_paying(hold) then
      shown[#shown + 1] = pack('>Hc0', #user, user) .. sub(hold, 1, 26) .. sub(hold, HELD_SIZE + 1)
    else
      table_of(g, 'ended')[user] = true
      g.dirty = true
    end
  end
  return shown
end

local function view(g, ops, at)
  local shown = {}
  local current = g.run == run
  if current then
    tend_index(g)
    shown = oldest_paying(g, parse('>I6', ops, at))
  end
  -- A gate that does not know its terms has something to adopt: it says that it is behind every version.
  local version = g.terms == UNKNOWN_TERMS and NO_VERSION or g.version
  return 'V' .. g.epoch .. version .. pack('>BB', current and 0 or 1, #shown) .. table.concat(shown)
end
