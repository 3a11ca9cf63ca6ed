-- Claim: leave to open one gate, for whoever asked last, for 5 seconds, and only while this run of the server lasts: what a later
-- one remembers is not what the leave was given over.
local function claim(key, ops)
  call('SET', key .. ':opening', parse('>Bc0', ops, 6) .. run, 'PX', 5000)
  return 'D'
end

-- Open: the gate takes the state the record gave, if the leave to do so still stands and the state is newer. Holds that survived
-- are kept, with their states. It runs alone on its product.

local function open(key, g, ops)
  local token, epoch, version, total, rest = parse('>Bc0c8c8I4', ops, 6)
  local terms = terms_at(ops, rest)
  if call('GET', key .. ':opening') ~= token .. run then
    return 'F'
  end
  if g and g.run == run and not newer(epoch, g.epoch) then
    return 'F'
  end
  if g then
    -- A version is a fact of the record: a later one that was adopted meanwhile stays.
    if not newer(g.version, version) then
      g.version, g.total, g.terms = version, total, terms
    end
    g.epoch, g.run = epoch, run
  else
    -- Without the hash, what its indexes say is void.
    call('UNLINK', key .. ':due:0', key .. ':due:1', key .. ':paying')
    g = {
      key = key, epoch = epoch, version = version, born = epoch, total = total, terms = terms, reserved = 0, run = run,
      next_due = NEVER, clock = now, pages = 0, fresh = 0, stale = 0, paying = 0, index = NO_INDEX, lost = false, cursor = '',
      holds = {}, changes = {}, entries = NOTHING, drop = NOTHING, begun = NOTHING, ended = NOTHING, keys = NOTHING,
    }
  end
  g.leaves, g.extend, g.dirty = now + DAY + HOUR, true, true
  commit(g)
  call('DEL', key .. ':opening')
  return 'O'
end
