-- The deadline index: a sorted set of pages of users. It may name users whose hold has ended since (they are counted as stale,
-- and found out when the page is due); it never misses a held hold. When it is lost, when the clock was set back, or when more
-- of it is stale than live, a fresh one is built from the hash, some hundred holds a call, while the old one still serves. A gate
-- of few holds does without: each write of an index costs more than reading those few when one of them is due.

local function index_key(g, number)
  return g.key .. ':due:' .. number
end

local function read_page(page)
  local users = {}
  for user in string.gmatch(sub(page, 7), '[^%z]+') do
    users[#users + 1] = user
  end
  return users
end

-- Reads the holds of users that this call has not read yet.
local function read_holds(g, users)
  local missing = {}
  for i = 1, #users do
    if g.holds[users[i]] == nil then
      missing[#missing + 1] = users[i]
    end
  end
  if #missing > 0 then
    local found = call('HMGET', g.key, unpack(missing))
    for i = 1, #missing do
      g.holds[missing[i]] = found[i]
    end
  end
end

-- Ends the due holds of a page; those that are due a little later go to a page of their own.
local function end_page(g, page, score)
  local users = read_page(page)
  read_holds(g, users)
  local kept, earliest = {}, NEVER
  for i = 1, #users do
    local user = users[i]
    local hold = g.holds[user]
    local listed = false
    if hold and #hold == HELD_SIZE then
      local quantity, deadline = parse('>I4I6', hold, 17)
      if deadline <= now then
        lapse(g, user, quantity)
        listed = true
      elseif deadline < score + SPREAD then
        kept[#kept + 1] = user
        earliest = math.min(earliest, deadline)
        listed = true
      end
    end
    if not listed then
      g.stale = math.max(g.stale - 1, 0)
    end
  end
  for i = 1, #kept do
    index_hold(g, kept[i], earliest)
  end
  return #users
end

local function begin_rebuild(g, lost)
  if g.index == NO_INDEX then
    g.index, g.stale, lost = 0, 0, true
  end
  g.cursor, g.lost, g.fresh, g.restart = '0', g.lost or lost, 0, true
  g.pages = call('ZCARD', index_key(g, g.index))
  g.paying, g.dirty, g.rebuilt = 0, true, false
end

-- A held hold may be due and in no index that is left: then nothing that depends on it can be said before the index is rebuilt.
local function check_index(g)
  if call('ZCARD', index_key(g, g.index)) ~= g.pages then
    begin_rebuild(g, true)
  elseif g.cursor ~= '' and call('ZCARD', index_key(g, 1 - g.index)) ~= g.fresh then
    begin_rebuild(g, false)
  end
end

local function sweep_index(g, number, most)
  local key = index_key(g, number)
  local drop = g.drop[number] or {}
  table_of(g, 'drop')[number] = drop
  while most > 0 do
    local due = call('ZRANGEBYSCORE', key, '-inf', now, 'WITHSCORES', 'LIMIT', #drop, 4)
    if #due == 0 then
      return most, true
    end
    g.dirty = true
    for i = 1, #due, 2 do
      drop[#drop + 1] = due[i]
      most = most - end_page(g, due[i], tonumber(due[i + 1]))
    end
  end
  return most, false
end

local function earliest_after_now(g, number)
  local later = call('ZRANGEBYSCORE', index_key(g, number), '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  return tonumber(later[2]) or NEVER
end

-- Ends due holds, about `most` of them. True if none is left.
local function sweep(g, most)
  if g.swept then
    return true
  end
  if g.lost then
    return false
  end
  if now < g.next_due then
    g.swept = true
    return true
  end
  if g.index == NO_INDEX then
    return false
  end
  most = math.min(most, budget)
  local left, done = sweep_index(g, g.index, most)
  if done and g.cursor ~= '' and not g.restart then
    left, done = sweep_index(g, 1 - g.index, left)
  end
  budget = budget - (most - left)
  if not done then
    return false
  end
  g.next_due = earliest_after_now(g, g.index)
  if g.cursor ~= '' and not g.restart then
    g.next_due = math.min(g.next_due, earliest_after_now(g, 1 - g.index))
  end
  for deadline in pairs(g.entries) do
    g.next_due = math.min(g.next_due, deadline)
  end
  g.swept, g.dirty = true, true
  return true
end

-- For an operation whose answer depends on every due hold being out. If that is too much for one call, the caller asks again.
local function all_due_are_out(g)
  return sweep(g, budget)
end

-- Puts the next holds of the hash into the fresh index.
local function rebuild(g)
  local found = call('HSCAN', g.key, g.cursor, 'COUNT', SCAN)
  g.cursor, g.dirty = found[1], true
  local fields = found[2]
  for i = 1, #fields, 2 do
    local user = fields[i]
    if user ~= META then
      if g.holds[user] == nil then
        g.holds[user] = fields[i + 1]
      end
      local hold = g.holds[user]
      if hold then
        local quantity, deadline, ttl, since = parse('>I4I6I4', hold, 17)
        local held = #hold == HELD_SIZE
        if deadline > now + ttl then
          clamp(g, user, hold, ttl)
        elseif held and deadline <= now then
          lapse(g, user, quantity)
        elseif held then
          index_hold(g, user, deadline)
        end
        if not held then
          since = parse('>I6', hold, HELD_SIZE + 1)
          table_of(g, 'begun')[user] = math.min(since, now)
        end
      end
    end
  end
  budget = budget - #fields / 2
  if g.cursor == '0' then
    g.rebuilt, g.lost = true, false
  end
end

-- Without an index: ends every due hold, and clamps what a clock set back would lengthen, a hold or how long it has been paying.
local function look_through(g)
  local fields = call('HGETALL', g.key)
  local set_back = now < g.clock
  g.next_due, g.clock, g.stale, g.dirty = NEVER, now, 0, true
  for i = 1, #fields, 2 do
    local user, hold = fields[i], fields[i + 1]
    if user ~= META then
      g.holds[user] = hold
      local quantity, deadline, ttl = parse('>I4I6I4', hold, 17)
      if deadline > now + ttl then
        clamp(g, user, hold, ttl)
      elseif #hold == HELD_SIZE and deadline <= now then
        lapse(g, user, quantity)
      elseif #hold == HELD_SIZE then
        g.next_due = math.min(g.next_due, deadline)
      end
      if set_back and #hold > HELD_SIZE then
        table_of(g, 'begun')[user] = math.min(parse('>I6', hold, HELD_SIZE + 1), now)
      end
    end
  end
  budget = budget - #fields / 2
end

-- Keeps the index in order before the operations of a product run.
local function tend_index(g)
  if g.index == NO_INDEX then
    if now >= g.next_due or now < g.clock then
      if budget > 0 then
        look_through(g)
      else
        g.next_due = 0 -- the next call looks
      end
    end
    if g.reserved <= FEW or call('HLEN', g.key) <= FEW + 1 then
      return
    end
    begin_rebuild(g, true)
  end
  if now >= g.next_due then
    check_index(g)
  end
  if g.cursor == '' then
    -- A step of less than a second is not worth reading a million holds: those that are looked at are clamped anyway.
    local back = g.clock - now
    if back > 1000 or (back > 0 and call('HLEN', g.key) <= SCAN) then
      begin_rebuild(g, false)
      g.clock = now
    elseif g.stale > MANY_STALE and g.stale > call('HLEN', g.key) then
      begin_rebuild(g, false)
    end
  end
  if g.cursor ~= '' and budget > 0 then
    rebuild(g)
  end
  sweep(g, ROUTINE_LAPSES)
end
