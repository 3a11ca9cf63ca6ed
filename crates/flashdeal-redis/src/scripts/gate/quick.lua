-- Quick: what a sale is made of, on a gate that wants no tending. It does what the operations and `commit` would do, without the tables
-- they need; whatever is out of the ordinary is left to them. Each answers nil, and has done nothing, if this is not such a call.
--
-- Those who want the same of one product come as a crowd, each of them another user.

-- Where META_FORMAT has its numbers (`total` to `paying`), `index`, `run` and the length of `cursor`; then where the terms begin.
local NUMBERS, INDEX, RUN, CURSOR = 25, 69, 71, 111
local TERMS = CURSOR + 1 -- of a gate without a cursor
local NUMBERS_FORMAT = '>I4I6I6I6I6I4I4I4I4'

local RESERVE, STATUS, CLAIM, OPEN, VIEW = byte('r'), byte('s'), byte('c'), byte('o'), byte('v')
local RESERVE_ALL, BEGIN_ALL, FINISH_ALL, RELEASE_ALL = byte('R'), byte('B'), byte('F'), byte('L')

-- Whether the gate is of this run and no rebuild is under way, no hold is due, the clock was not set back, and the day after the last call
-- is far off.
local function is_steady(meta, next_due, clock, leaves)
  return now < next_due and now >= clock and leaves >= now + DAY and byte(meta, CURSOR) == 0
    and string.find(meta, run, RUN, true) == RUN
end

-- Whether so much of the index is stale that it is worth a new one.
local function is_stale(key, pages, stale)
  return stale > MANY_STALE and pages ~= NO_PAGES and stale > call('HLEN', key)
end

local function quick_status(key, meta)
  local total, reserved, next_due, leaves, clock, pages, _, stale = parse(NUMBERS_FORMAT, meta, NUMBERS)
  if not is_steady(meta, next_due, clock, leaves) or is_stale(key, pages, stale) then
    return nil
  end
  return 'S' .. pack('>I4I6', total, math.max(reserved, 0))
end

local function quick_view(key, meta)
  local _, _, next_due, _, clock, pages, _, stale, paying = parse(NUMBERS_FORMAT, meta, NUMBERS)
  local knows_its_terms = #meta >= TERMS
  if not is_steady(meta, next_due, clock, NEVER) or not knows_its_terms or paying > 0 or is_stale(key, pages, stale) then
    return nil
  end
  return 'V' .. sub(meta, 1, 16) .. '\0\0'
end
