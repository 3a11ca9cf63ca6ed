-- Quick, for those who have a hold: they begin to pay, are through with it, or give it back.

-- Of a crowd that is through: whether the record is known, its version and total; then its terms, then a reservation for each.
local FINISH_FORMAT, FINISH_TERMS = '>Bc8I4', 19
-- Of a crowd that begins to pay: a reservation for each, if any of them names one; else nothing.
local BEGIN_ITEMS = 6
local NO_NAME = string.rep('\0', 16)

-- Versions and epochs are 64 bits wide, more than a number has here, and text is compared by the locale's rules: so by halves.
local function newer(a, b)
  local a_high, a_low = parse('>I4I4', a)
  local b_high, b_low = parse('>I4I4', b)
  return a_high > b_high or (a_high == b_high and a_low > b_low)
end

-- The terms that begin at `at`, with the byte before them, and where they end.
local function terms_at(ops, at)
  local after = at + byte(ops, at) + 1
  return sub(ops, at, after - 1), after
end

local function quick_begin_all(key, found, ops, first, last)
  local meta, count = found[1], last - first + 1
  local total, reserved, next_due, leaves, clock, pages, fresh, stale, paying = parse(NUMBERS_FORMAT, meta, NUMBERS)
  if not is_steady(meta, next_due, clock, leaves) or is_stale(key, pages, stale) then
    return nil
  end
  local since, epoch, named = pack('>I6', now), sub(meta, 1, 8), #ops > BEGIN_ITEMS
  local set, begun, answers, n = { META, '' }, {}, {}, 0
  for i = 1, count do
    local hold, user = found[i + 1], argv[first + i - 1]
    if not hold or #hold ~= HELD_SIZE then
      return nil
    end
    if named then
      local name = sub(ops, BEGIN_ITEMS + 16 * (i - 1), BEGIN_ITEMS + 16 * i - 1)
      if name ~= NO_NAME and name ~= sub(hold, 1, 16) then
        return nil
      end
    end
    set[n + 3], set[n + 4] = user, hold .. since
    begun[n + 1], begun[n + 2] = now, user
    answers[i] = 'B' .. sub(hold, 1, 26) .. epoch
    n = n + 2
  end
  local was = paying
  paying = paying + call('ZADD', key .. ':paying', unpack(begun))
  if was == 0 then
    call('PEXPIREAT', key .. ':paying', leaves - offset)
  end
  local numbers = pack(NUMBERS_FORMAT, total, reserved, next_due, leaves, now, pages, fresh, stale + count, paying)
  set[2] = sub(meta, 1, NUMBERS - 1) .. numbers .. sub(meta, INDEX)
  call('HSET', key, unpack(set))
  return table.concat(answers)
end

local function quick_finish_all(key, found, ops, first, last)
  local meta, count = found[1], last - first + 1
  local total, reserved, next_due, leaves, clock, pages, fresh, stale, paying = parse(NUMBERS_FORMAT, meta, NUMBERS)
  local knows_its_terms = #meta >= TERMS
  if not is_steady(meta, next_due, clock, leaves) or not knows_its_terms or is_stale(key, pages, stale) then
    return nil
  end
  local known, version, new_total = parse(FINISH_FORMAT, ops, 6)
  local terms, at = terms_at(ops, FINISH_TERMS)
  local ended = {}
  for i = 1, count do
    local hold = found[i + 1]
    if hold and sub(hold, 1, 16) == sub(ops, at, at + 15) then
      if #hold == HELD_SIZE then
        return nil
      end
      reserved = reserved - parse('>I4', hold, 17)
      ended[#ended + 1] = argv[first + i - 1]
    end
    at = at + 16
  end

  local is_news = known == 1 and newer(version, sub(meta, 9, 16))
  if not is_news then
    version, new_total, terms = sub(meta, 9, 16), total, sub(meta, TERMS)
  end
  if is_news or #ended > 0 then
    -- What needs memory comes first: if there is none, nothing is written.
    local numbers = pack(NUMBERS_FORMAT, new_total, math.max(reserved, 0), next_due, leaves, now, pages, fresh, stale,
      math.max(paying - #ended, 0))
    call('HSET', key, META, sub(meta, 1, 8) .. version .. sub(meta, 17, NUMBERS - 1) .. numbers .. sub(meta, INDEX, CURSOR) .. terms)
    if #ended > 0 then
      call('ZREM', key .. ':paying', unpack(ended))
      call('HDEL', key, unpack(ended))
    end
  end
  return string.rep('D', count)
end

local function quick_release_all(key, found, first, last)
  local meta, count = found[1], last - first + 1
  local total, reserved, next_due, leaves, clock, pages, fresh, stale, paying = parse(NUMBERS_FORMAT, meta, NUMBERS)
  if not is_steady(meta, next_due, clock, leaves) or is_stale(key, pages, stale) then
    return nil
  end
  local answers, gone = {}, {}
  for i = 1, count do
    local hold = found[i + 1]
    if not hold then
      answers[i] = 'N'
    elseif #hold == HELD_SIZE then
      answers[i] = 'L' .. sub(hold, 1, 26)
      reserved = reserved - parse('>I4', hold, 17)
      gone[#gone + 1] = argv[first + i - 1]
    else
      return nil
    end
  end
  if #gone > 0 then
    local numbers = pack(NUMBERS_FORMAT, total, math.max(reserved, 0), next_due, leaves, now, pages, fresh, stale + #gone, paying)
    call('HSET', key, META, sub(meta, 1, NUMBERS - 1) .. numbers .. sub(meta, INDEX))
    call('HDEL', key, unpack(gone))
  end
  return table.concat(answers)
end
