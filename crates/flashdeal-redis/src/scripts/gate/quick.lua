-- Quick: what a sale is made of, reserves by buyers without a hold, or a look of the background, on a gate that wants no tending. It
-- does what `reserve` and `commit`, or `view`, would do, without the tables they need; whatever is out of the ordinary is left to them.
-- Each answers nil, and has done nothing, if this is not such a call.

-- Where META_FORMAT has its numbers (`total` to `paying`), `index`, `run` and the length of `cursor`; then where the terms begin.
local NUMBERS, INDEX, RUN, CURSOR = 25, 69, 71, 111
local TERMS = CURSOR + 1 -- of a gate without a cursor
local NUMBERS_FORMAT = '>I4I6I6I6I6I4I4I4I4'

local RESERVE, CLAIM, OPEN, VIEW = byte('r'), byte('c'), byte('o'), byte('v')
-- A crowd: plain reserves, each of another user, all for as long. After the time to live stand the sum of their units, the smallest
-- and the largest of them; then a reservation and its units for each.
local CROWD, CROWD_HEADER_FORMAT, CROWD_ITEMS, CROWD_ITEM = byte('R'), '>I4I6I4I4', 24, 20

local function is_steady(meta)
  return byte(meta, CURSOR) == 0 and string.find(meta, run, RUN, true) == RUN
end

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
  return pages > 0 and (pages < MANY_PAGES or count >= PAGE_USERS / 2) and stale <= MANY_STALE
end

local function quick_reserve(key, meta, user, ops)
  if not is_steady(meta) then
    return nil
  end
  local total, reserved, next_due, leaves, clock, pages, fresh, stale, paying = parse(NUMBERS_FORMAT, meta, NUMBERS)
  local quantity, ttl, key_size = parse('>I4I4B', ops, 22)
  if key_size > 0 or quantity > total - reserved or now >= next_due or now < clock or leaves < now + DAY
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
local function quick_crowd(key, found, ops, first, last)
  local meta, count = found[1], last - first + 1
  if not is_steady(meta) then
    return nil
  end
  local total, reserved, next_due, leaves, clock, pages, fresh, stale, paying = parse(NUMBERS_FORMAT, meta, NUMBERS)
  local ttl, units, smallest, largest = parse(CROWD_HEADER_FORMAT, ops, 6)
  if now >= next_due or now < clock or leaves < now + DAY or not terms_allow(meta, largest) then
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

local function quick_view(meta)
  local _, _, next_due, _, clock, _, _, stale, paying = parse(NUMBERS_FORMAT, meta, NUMBERS)
  local knows_its_terms = #meta >= TERMS
  if not is_steady(meta) or not knows_its_terms or paying > 0 or now >= next_due or now < clock or stale > MANY_STALE then
    return nil
  end
  return 'V' .. sub(meta, 1, 16) .. '\0\0'
end
