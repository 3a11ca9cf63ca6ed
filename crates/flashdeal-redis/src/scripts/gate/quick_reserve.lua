-- Quick reserves, by buyers without a hold.

-- Of a crowd, all for as long: after the time to live stand the sum of their units, the smallest and the largest of them; then a
-- reservation and its units for each.
local CROWD_FORMAT, CROWD_ITEMS, CROWD_ITEM = '>I4I6I4I4', 24, 20

local function terms_allow(meta, quantity)
  if #meta <= TERMS then
    return true
  end
  local starts, ends, most = parse(TERMS_FORMAT, meta, TERMS + 1)
  return now >= starts and now < ends and quantity <= most
end

local function short_of_units(total, reserved)
  return 'I' .. pack('>I4I6', total, math.max(reserved, 0))
end

local lasting, lasting_ttl

-- The deadline and the time to live of a hold that is made now.
local function lasting_from_now(ttl)
  if ttl ~= lasting_ttl then
    lasting, lasting_ttl = pack('>I6I4', now + ttl, ttl), ttl
  end
  return lasting
end

-- Whether the index, or the gate without one, takes so many holds more without being tended.
local function takes(count, key, reserved, pages, stale)
  if pages == NO_PAGES then
    return reserved <= FEW or call('HLEN', key) <= FEW + 1
  end
  return pages > 0 and (pages < MANY_PAGES or count >= PAGE_USERS / 2) and not is_stale(key, pages, stale)
end

local function quick_reserve(key, meta, user, ops)
  local total, reserved, next_due, leaves, clock, pages, fresh, stale, paying = parse(NUMBERS_FORMAT, meta, NUMBERS)
  local quantity, ttl, key_size = parse('>I4I4B', ops, 22)
  if not is_steady(meta, next_due, clock, leaves) or key_size > 0 or quantity > total - reserved
    or not terms_allow(meta, quantity) or not takes(1, key, reserved, pages, stale) then
    return nil
  end

  local deadline = now + ttl
  if pages ~= NO_PAGES then
    pages = pages + call('ZADD', key .. ':due:' .. byte(meta, INDEX), deadline, pack('>I6', deadline) .. user)
  end
  local numbers = pack(NUMBERS_FORMAT, total, reserved + quantity, math.min(next_due, deadline), leaves, now, pages, fresh, stale, paying)
  call('HSET', key, META, sub(meta, 1, NUMBERS - 1) .. numbers .. sub(meta, INDEX), user, sub(ops, 6, 25) .. lasting_from_now(ttl))
  return 'C'
end

-- `found` is the state, then what each of the users `argv[first]` to `argv[last]` holds.
local function quick_reserve_all(key, found, ops, first, last)
  local meta, count = found[1], last - first + 1
  local total, reserved, next_due, leaves, clock, pages, fresh, stale, paying = parse(NUMBERS_FORMAT, meta, NUMBERS)
  local ttl, units, smallest, largest = parse(CROWD_FORMAT, ops, 6)
  if not is_steady(meta, next_due, clock, leaves) or not terms_allow(meta, largest) then
    return nil
  end
  for i = 2, count + 1 do
    if found[i] then
      return nil
    end
  end
  if smallest > total - reserved then
    return string.rep(short_of_units(total, reserved), count)
  elseif units > total - reserved or not takes(count, key, reserved, pages, stale) then
    return nil
  end

  local deadline = now + ttl
  if pages ~= NO_PAGES then
    local due = {}
    for from = first, last, PAGE_USERS do
      due[#due + 1] = deadline
      due[#due + 1] = pack('>I6', deadline) .. table.concat(argv, '\0', from, math.min(from + PAGE_USERS - 1, last))
    end
    pages = pages + call('ZADD', key .. ':due:' .. byte(meta, INDEX), unpack(due))
  end
  local numbers = pack(NUMBERS_FORMAT, total, reserved + units, math.min(next_due, deadline), leaves, now, pages, fresh, stale, paying)
  local set, ending = { META, sub(meta, 1, NUMBERS - 1) .. numbers .. sub(meta, INDEX) }, lasting_from_now(ttl)
  local n, at = 2, CROWD_ITEMS
  for i = first, last do
    set[n + 1], set[n + 2] = argv[i], sub(ops, at, at + CROWD_ITEM - 1) .. ending
    n, at = n + 2, at + CROWD_ITEM
  end
  call('HSET', key, unpack(set))
  return string.rep('C', count)
end
