-- Commit: everything a product's operations came to is written at the end, each kind at once.
--
-- When Redis is out of memory it refuses commands that need some, from the first to the last of a script alike. So one of those
-- comes first: then either all is written or nothing.

local MOST = 2000 -- values a command

local function in_chunks(command, key, values)
  local done = 0
  for from = 1, #values, MOST do
    done = done + call(command, key, unpack(values, from, math.min(from + MOST - 1, #values)))
  end
  return done
end

-- Joins a few new users to the last page, if it has room and ends soon enough: many single callers must not mean many pages.
local function join_last_page(g, number, deadline, users)
  if #users >= PAGE_USERS / 2 or g.pages + g.fresh < MANY_PAGES then
    return nil
  end
  local last = call('ZREVRANGE', index_key(g, number), 0, 0, 'WITHSCORES')
  local page, score = last[1], tonumber(last[2])
  if not page or #page > SMALL_PAGE_BYTES or score > deadline or deadline >= score + SPREAD then
    return nil
  end
  local drop = g.drop[number] or {}
  for i = 1, #drop do
    if drop[i] == page then
      return nil
    end
  end
  drop[#drop + 1] = page
  table_of(g, 'drop')[number] = drop
  return score, page .. '\0' .. table.concat(users, '\0')
end

local function whole_page(deadline, users, from, to)
  return pack('>I6', deadline) .. table.concat(users, '\0', from, to)
end

local function write_pages(g, number)
  local deadline, users = next(g.entries)
  if #users <= PAGE_USERS and not next(g.entries, deadline) and g.pages + g.fresh < MANY_PAGES then
    return call('ZADD', index_key(g, number), deadline, whole_page(deadline, users, 1, #users))
  end
  local new = {}
  for deadline, users in pairs(g.entries) do
    local score, page = join_last_page(g, number, deadline, users)
    if score then
      new[#new + 1] = score
      new[#new + 1] = page
    else
      for from = 1, #users, PAGE_USERS do
        new[#new + 1] = deadline
        new[#new + 1] = whole_page(deadline, users, from, math.min(from + PAGE_USERS - 1, #users))
      end
    end
  end
  return in_chunks('ZADD', index_key(g, number), new)
end

local function write_index(g)
  if g.index == NO_INDEX then
    return
  end
  if g.restart then
    call('UNLINK', index_key(g, 1 - g.index), g.key .. ':paying')
    table_of(g, 'drop')[1 - g.index] = nil
  end
  local rebuilding = g.cursor ~= ''
  local number = rebuilding and 1 - g.index or g.index
  local first_page = (rebuilding and g.fresh or g.pages) == 0
  if next(g.entries) then
    local added = write_pages(g, number)
    if rebuilding then
      g.fresh = g.fresh + added
    else
      g.pages = g.pages + added
    end
    g.extend = g.extend or first_page
  end
  if g.drop[g.index] then
    g.pages = g.pages - in_chunks('ZREM', index_key(g, g.index), g.drop[g.index])
  end
  if g.drop[1 - g.index] then
    g.fresh = g.fresh - in_chunks('ZREM', index_key(g, 1 - g.index), g.drop[1 - g.index])
  end
  if g.rebuilt then
    call('UNLINK', index_key(g, g.index))
    g.index, g.pages, g.fresh, g.stale, g.cursor = 1 - g.index, g.fresh, 0, 0, ''
  end
end

local function write_paying(g)
  local key = g.key .. ':paying'
  if next(g.begun) then
    local new = {}
    for user, since in pairs(g.begun) do
      new[#new + 1] = since
      new[#new + 1] = user
    end
    g.extend = g.extend or g.paying == 0
    g.paying = g.paying + in_chunks('ZADD', key, new)
  end
  if next(g.ended) then
    local gone = {}
    for user in pairs(g.ended) do
      gone[#gone + 1] = user
    end
    g.paying = g.paying - in_chunks('ZREM', key, gone)
  end
end

local function pack_meta(g)
  local index, pages = g.index, g.pages
  if index == NO_INDEX then
    index, pages = 0, NO_PAGES
  end
  return pack(META_FORMAT, g.epoch, g.version, g.born, g.total, math.max(g.reserved, 0), g.next_due, g.leaves, math.max(g.clock, now),
    pages, g.fresh, g.stale, g.paying, index, g.lost and 1 or 0, g.run, #g.cursor, g.cursor) .. g.terms
end

local function write_hash(g)
  local only = g.changes[1]
  if only and not g.changes[2] and g.holds[only] then
    call('HSET', g.key, META, pack_meta(g), only, g.holds[only])
    return
  end
  local set, gone = { META, pack_meta(g) }, {}
  local changes, holds = g.changes, g.holds
  local n = 2
  for i = 1, #changes do
    local user = changes[i]
    local hold = holds[user]
    if hold then
      set[n + 1], set[n + 2] = user, hold
      n = n + 2
    else
      gone[#gone + 1] = user
    end
  end
  in_chunks('HSET', g.key, set)
  in_chunks('HDEL', g.key, gone)
end

local function write_keys(g)
  for name, memory in pairs(g.keys) do
    call('SET', g.key .. ':key:' .. name, memory, 'PXAT', parse('>I6', memory, 21) - offset)
  end
end

-- A product that nobody calls for a day leaves Redis. No hold lives longer than a day, so none goes with it.
local function write_expiry(g)
  local at = g.leaves - offset
  call('PEXPIREAT', g.key, at)
  call('PEXPIREAT', g.key .. ':paying', at)
  if g.index ~= NO_INDEX then
    call('PEXPIREAT', index_key(g, 0), at)
    call('PEXPIREAT', index_key(g, 1), at)
  end
end

local function commit(g)
  if not g.dirty then
    return
  end
  if g.restart or g.rebuilt or next(g.drop) or next(g.ended) then
    call('HSET', g.key, META, pack_meta(g)) -- what follows may begin with a command that needs no memory
  end
  write_index(g)
  write_paying(g)
  write_hash(g)
  if g.keyed then
    write_keys(g)
  end
  if g.extend then
    write_expiry(g)
  end
end
