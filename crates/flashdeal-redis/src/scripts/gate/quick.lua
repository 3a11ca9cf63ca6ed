-- Quick: what a sale of many products is made of, one reserve by somebody without a hold, or a look of the background, on a gate that
-- wants no tending. It does what `reserve` and `commit`, or `view`, would do, without the tables they need; whatever is out of the
-- ordinary is left to them. Each answers nil, and has done nothing, if this is not such a call.

-- Where META_FORMAT has its numbers (`total` to `paying`), `index`, `run` and the length of `cursor`; then where the terms begin.
local NUMBERS, INDEX, RUN, RUN_END, CURSOR = 25, 69, 71, 110, 111
local TERMS = CURSOR + 1 -- of a gate without a cursor
local NUMBERS_FORMAT = '>I4I6I6I6I6I4I4I4I4'

local function is_steady(meta)
  return byte(meta, CURSOR) == 0 and sub(meta, RUN, RUN_END) == run
end

local function quick_reserve(key, meta, user, ops)
  if not is_steady(meta) then
    return nil
  end
  local total, reserved, next_due, leaves, clock, pages, fresh, stale, paying = parse(NUMBERS_FORMAT, meta, NUMBERS)
  local quantity, ttl, key_size = parse('>I4I4B', ops, 22)
  if key_size > 0 or quantity > total - reserved or now >= next_due or now < clock or leaves < now + DAY then
    return nil
  end

  if #meta > TERMS then
    local starts, ends, most = parse(TERMS_FORMAT, meta, TERMS + 1)
    if now < starts or now >= ends or quantity > most then
      return nil
    end
  end

  local deadline = now + ttl
  if pages == NO_PAGES then
    if reserved > FEW and call('HLEN', key) > FEW + 1 then
      return nil
    end
  elseif pages == 0 or pages >= MANY_PAGES or stale > MANY_STALE then
    return nil
  else
    pages = pages + call('ZADD', key .. ':due:' .. byte(meta, INDEX), deadline, pack('>I6', deadline) .. user)
  end
  local numbers = pack(NUMBERS_FORMAT, total, reserved + quantity, math.min(next_due, deadline), leaves, now, pages, fresh, stale, paying)
  call('HSET', key, META, sub(meta, 1, NUMBERS - 1) .. numbers .. sub(meta, INDEX), user, sub(ops, 6, 25) .. lasting_from_now(ttl))
  return 'C'
end

local function quick_view(meta)
  local _, _, next_due, _, clock, _, _, stale, paying = parse(NUMBERS_FORMAT, meta, NUMBERS)
  local knows_its_terms = #meta >= TERMS
  if not is_steady(meta) or not knows_its_terms or paying > 0 or now >= next_due or now < clock or stale > MANY_STALE then
    return nil
  end
  return 'V' .. sub(meta, 1, 16) .. '\0\0'
end
