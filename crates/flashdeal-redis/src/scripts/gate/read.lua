-- Read the counters or a hold; adopt the record's counters.

local function status(g, ops, at)
  if not all_due_are_out(g) then
    return 'M', at
  end
  return 'S' .. pack('>I4I6', g.total, math.max(g.reserved, 0)), at
end

local function show(g, ops, at)
  local hold = live_hold(g, next_user(g))
  return hold and 'H' .. sub(hold, 1, 26) or 'N', at
end

-- Another epoch is left to `open`.
local function adopt(g, ops, at)
  local epoch, version, total = parse('>c8c8I4', ops, at)
  local terms, after = terms_at(ops, at + 20)
  if epoch == g.epoch then
    adopt_if_newer(g, version, total, terms)
    -- Of two tellings of one version the longer knows more: a version of ours from before there were queues leaves them out.
    if version == g.version and #terms > #g.terms then
      g.terms, g.dirty, g.starts = terms, true, nil
    end
  end
  return 'D', after
end
