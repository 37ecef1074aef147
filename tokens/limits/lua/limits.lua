-- The limits of one user and one of their keys, in one step: see tokens/limits.py.
--
-- KEYS   1 window of the user   [2 window of the key, if it has a limit of its own]
-- ARGV   1 an array in JSON: 1 what to do   2 … as below
--        (all times in ms; the clock is the server's own)
--
-- Time is cut into buckets, which count until the last request that they may hold is one window
-- old. A window is a hash, of which most requests read and write one field, and add one:
--   window     its sums, and what else every request needs
--   <number>   a bucket that is over
--   s…         the id of a running request
-- Numbers are packed as doubles: exact up to 2^53, at a quarter of the cost of text. They make
-- `window` too long for the compact form of a hash, in which each look-up is a search.

local words = cjson.decode(ARGV[1])
local act, call, pack, unpacked = words[1], redis.call, struct.pack, struct.unpack

local WINDOW = '<ddddddddddd'
local FIRST, LAST = 1, 2 -- numbers of its buckets: none, if the first is beyond the last
local OLDEST, NEWEST = 3, 4 -- when these two count no more
local REQUESTS, TOKENS = 5, 6 -- of all buckets
local LAST_REQUESTS, LAST_TOKENS = 7, 8
local RUNNING, LAPSE = 9, 10 -- slots, and until when none of their leases ends
local EXPIRES = 11 -- the hash
local BUCKET = '<ddd' -- its requests, its tokens, and when the next bucket counts no more
local LEASE = '<dd' -- its end, and the number of the bucket that counts the request

-- 2 id, 3 the bucket that counts it, 4 what it used beyond what was counted (mostly negative).
if act == 'release' then
  if call('HDEL', KEYS[1], words[2]) == 0 then
    return 1 -- told before, or its lease was over
  end
  local found = call('HMGET', KEYS[1], 'window', words[3])
  local user, number, more = {unpacked(WINDOW, found[1])}, tonumber(words[3]), tonumber(words[4])
  user[RUNNING] = user[RUNNING] - 1
  if number < user[FIRST] or number > user[LAST] then
    more = 0 -- it counts no more
  end
  user[TOKENS] = user[TOKENS] + more
  if found[2] then
    local requests, tokens, following = unpacked(BUCKET, found[2])
    call('HSET', KEYS[1], 'window', pack(WINDOW, unpack(user)),
      words[3], pack(BUCKET, requests, tokens + more, following))
  else
    user[LAST_TOKENS] = user[LAST_TOKENS] + more
    call('HSET', KEYS[1], 'window', pack(WINDOW, unpack(user)))
  end
  return 1
end

local span, size = tonumber(words[2]), tonumber(words[3])
local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local leaves = now - now % size + size + span -- the bucket of now

local function open(key, known)
  if not known then -- Numbers go on from the time, so none comes again if the hash was lost.
    return {leaves, leaves - 1, 0, 0, 0, 0, 0, 0, 0, math.huge, 0}
  end
  local window = {unpacked(WINDOW, known)}
  while window[FIRST] < window[LAST] and window[OLDEST] <= now do
    local requests, tokens, following = unpacked(BUCKET, call('HGET', key, window[FIRST]))
    window.gone = window.gone or {}
    window.gone[#window.gone + 1] = window[FIRST]
    window[REQUESTS], window[TOKENS] = window[REQUESTS] - requests, window[TOKENS] - tokens
    window[FIRST], window[OLDEST] = window[FIRST] + 1, following
  end
  if window[FIRST] == window[LAST] and window[NEWEST] <= now then
    window[REQUESTS], window[TOKENS], window[FIRST] = 0, 0, window[LAST] + 1
  end
  return window
end

local function end_leases(user) -- of processes that died: what runs is renewed in time
  local fields = call('HGETALL', KEYS[1])
  user.gone, user[LAPSE] = user.gone or {}, math.huge
  for i = 1, #fields, 2 do
    local ends = string.sub(fields[i], 1, 1) == 's' and unpacked(LEASE, fields[i + 1])
    if ends and ends <= now then
      user.gone[#user.gone + 1], user[RUNNING] = fields[i], user[RUNNING] - 1
    elseif ends then
      user[LAPSE] = math.min(user[LAPSE], ends)
    end
  end
end

local function write(key, window, lease, ...)
  local gone, until_then = window.gone, now + math.max(span, lease)
  for i = 1, gone and #gone or 0, 1000 do -- Lua's stack is not endless
    call('HDEL', key, unpack(gone, i, math.min(i + 999, #gone)))
  end
  if window[EXPIRES] >= until_then then
    call('HSET', key, 'window', pack(WINDOW, unpack(window)), ...)
  else -- for longer than must be, so that not every request has to say it
    window[EXPIRES] = until_then + span
    call('HSET', key, 'window', pack(WINDOW, unpack(window)), ...)
    call('PEXPIRE', key, window[EXPIRES] - now)
  end
end

local function count(key, window, tokens, lease, ...)
  window[REQUESTS], window[TOKENS] = window[REQUESTS] + 1, window[TOKENS] + tokens
  if window[NEWEST] >= leaves then -- the same bucket, or the clock was set back
    window[LAST_REQUESTS] = window[LAST_REQUESTS] + 1
    window[LAST_TOKENS] = window[LAST_TOKENS] + tokens
    return write(key, window, lease, ...)
  end
  local over = pack(BUCKET, window[LAST_REQUESTS], window[LAST_TOKENS], leaves)
  window[LAST], window[NEWEST] = window[LAST] + 1, leaves
  window[LAST_REQUESTS], window[LAST_TOKENS] = 1, tokens
  if window[FIRST] < window[LAST] then
    return write(key, window, lease, window[LAST] - 1, over, ...)
  end
  window[OLDEST] = leaves
  write(key, window, lease, ...)
end

local function wait(key, window, kind, excess) -- until so much has left the window
  if excess <= 0 then
    return 0
  elseif excess > window[kind] then
    return span
  end
  local ends, from, batch = window[OLDEST], window[FIRST], 1
  while from < window[LAST] do -- mostly the first bucket is enough
    local numbers = {}
    for number = from, math.min(from + batch, window[LAST]) - 1 do
      numbers[#numbers + 1] = number
    end
    for _, bucket in ipairs(call('HMGET', key, unpack(numbers))) do
      local requests, tokens, following = unpacked(BUCKET, bucket)
      excess = excess - (kind == REQUESTS and requests or tokens)
      if excess <= 0 then
        return ends - now
      end
      ends = following
    end
    from, batch = from + #numbers, math.min(batch * 2, 128)
  end
  return ends - now
end

-- 4 lease, 5 … ids: these requests still run, also those that were let in while Redis was away.
if act == 'renew' then
  local user, lease = open(KEYS[1], call('HGET', KEYS[1], 'window')), tonumber(words[4])
  user[LAPSE] = math.min(user[LAPSE], now + lease)
  for i = 5, #words do
    local renewed = pack(LEASE, now + lease, 0)
    user[RUNNING] = user[RUNNING] + call('HSET', KEYS[1], words[i], renewed)
  end
  write(KEYS[1], user, lease)
  return 1
end

-- admit: 4 requests, 5 tokens, 6 slots, 7 requests of the key, 8 tokens to count, 9 id, 10 lease.
-- peek: the first four, and nothing is counted.
local requests, tokens, slots, of_key =
  tonumber(words[4]), tonumber(words[5]), tonumber(words[6]), tonumber(words[7])
local cost, id, lease = tonumber(words[8]), words[9], tonumber(words[10])
local found = call('HMGET', KEYS[1], 'window', id or '')
local user = open(KEYS[1], found[1])
local key = KEYS[2] and open(KEYS[2], call('HGET', KEYS[2], 'window'))
local refusal, pause, number = 0, 0, 0

if user[RUNNING] > 0 and user[LAPSE] <= now then
  end_leases(user)
end
if found[2] and unpacked(LEASE, found[2]) > now then -- asked again: it is in
  number = select(2, unpacked(LEASE, found[2]))
elseif act == 'admit' and user[REQUESTS] < requests and user[RUNNING] < slots
  and tokens > 0 and user[TOKENS] + cost <= tokens and not (key and key[REQUESTS] >= of_key) then
  number = user[NEWEST] < leaves and user[LAST] + 1 or user[LAST]
  user[RUNNING], user[LAPSE] = user[RUNNING] + 1, math.min(user[LAPSE], now + lease)
  count(KEYS[1], user, cost, lease, id, pack(LEASE, now + lease, number))
  if key then
    count(KEYS[2], key, 0, lease)
  end
elseif act == 'admit' then
  for reason, ms in ipairs({
    wait(KEYS[1], user, REQUESTS, user[REQUESTS] + 1 - requests),
    tokens == 0 and span or wait(KEYS[1], user, TOKENS, user[TOKENS] + cost - tokens),
    0,
    key and wait(KEYS[2], key, REQUESTS, key[REQUESTS] + 1 - of_key) or 0,
  }) do
    if ms > pause then
      refusal, pause = reason, ms
    end
  end
  if refusal == 0 then
    refusal, pause = 3, 1000
  end
end

if number == 0 then -- nothing was counted, but what has left the windows is gone for good
  for i, window in ipairs({user, key or nil}) do
    if window.gone then
      write(KEYS[i], window, 0)
    end
  end
end

local answer = {
  refusal, pause, number,
  math.max(requests - user[REQUESTS], 0), user[REQUESTS] > 0 and user[NEWEST] - now or 0,
  math.max(tokens - user[TOKENS], 0), user[TOKENS] > 0 and user[NEWEST] - now or 0,
  math.max(slots - user[RUNNING], 0),
}
if key then
  answer[9] = math.max(of_key - key[REQUESTS], 0)
  answer[10] = key[REQUESTS] > 0 and key[NEWEST] - now or 0
end
return answer
