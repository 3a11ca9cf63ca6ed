-- The gate: one call runs the operations of many callers on many products, whole, at one instant.
--
-- KEYS       the hash of the product of each group of operations: `flashdeal:{product}`. Each kind of a product's operations is a group.
-- ARGV[1]    milliseconds that are added to the clock, or `=` and the time itself: tests move it or stop it; 0 otherwise
-- ARGV[2…]   for each group in turn: its operations, packed in one string, then the users they name, in their order
--
-- It answers one packed string: now, how many holds lapsed, then an answer for each operation: a letter and what belongs to it.
--
-- The hash is the whole truth about a product. Its field META is the state of the gate; every other field is a user (a user has
-- no control characters, so none is called META), and its value that user's hold. `…:due:0` and `…:due:1` are the deadline index
-- and `…:paying` is who pays since when; both are derived from the hash and rebuilt from it when in doubt. A gate that never had
-- more than a few holds has no deadline index: its hash is read whole when one of them is due.
-- All keys of a product share the hash tag `{product}`, so that they lie in one slot of a Redis Cluster.

local META = '\0'
local META_FORMAT = '>c8c8c8I4I6I6I6I6I4I4I4I4BBc40Bc0'
-- After that stand the terms of the sale: a byte that says how long they are, then `TERMS_FORMAT`, or nothing if there are none.
-- A version from before there were terms reads what it knows and writes it back without them: a gate in which not even that byte
-- stands does not know its terms (`UNKNOWN_TERMS`). It sells without any, until the background makes it adopt the record's again.
local TERMS_FORMAT = '>I6I6I4' -- when it starts, when it ends (or NEVER), the most units of a hold
local UNKNOWN_TERMS = ''
-- Where somebody waits for units, the start is this one (the end of the year 9999, later than any that a shop can name), and after
-- the limit stands the real start (>I6). So whoever makes or raises a hold is refused without a look more than there was before, by a
-- version from before there were queues as well, which says that the sale starts then.
local QUEUED = 253402300799999

-- A hold: reservation (16 bytes), quantity, deadline, time to live; one that is being paid for also since when.
local HELD_SIZE = 30

local NEVER = 2 ^ 48 - 1
local DAY, HOUR = 86400000, 3600000

-- Bounds, so that no call takes longer than some milliseconds. What is left over is the next call's work.
local ROUTINE_LAPSES = 200
local budget = 2000
local SCAN = 500

-- The index keeps users in pages: a page's score is the earliest deadline in it, and none in it is later than SPREAD after that.
local PAGE_USERS, SPREAD = 64, 1000
-- Pages smaller than this are put together once there are many of them.
local SMALL_PAGE_BYTES, MANY_PAGES = 240, 1024
-- So many users in the index who have left make a new one worth while, if they are more than those who stay.
local MANY_STALE = 4096

-- What `index` is while there is none, and the most holds a gate may have then if another call is to make some. In META it stands as
-- a number of pages that no index has: a version that knows of no gate without an index finds pages missing, and builds one.
local NO_INDEX, FEW = 2, 128
local NO_PAGES = 2 ^ 31

local call, argv = redis.call, ARGV
local pack, parse = struct.pack, struct.unpack
local byte, sub = string.byte, string.sub

local time = call('TIME')
local real_now = time[1] * 1000 + math.floor(time[2] / 1000)
local offset = tonumber(argv[1]) or tonumber(sub(argv[1], 2)) - real_now
local now = real_now + offset

-- Another run of the server may have an older memory, so its id is asked for in every call: a remembered one would be no fence.
local server = call('INFO', 'server')
local _, before_run = string.find(server, 'run_id:', 1, true)
local run = sub(server, before_run + 1, before_run + 40)

local lapsed = 0
