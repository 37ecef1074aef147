-- The limits of one user and one of their keys, in one step: see tokens/limits.py.
--
-- KEYS   1 window of the user   2 its order   3 their slots   [4 window of the key   5 its order]
-- A window is a hash of sums: `r<bucket>` and `t<bucket>` (requests and tokens of one bucket of
-- time), `requests` and `tokens` (of all of them). Its order is the list of its buckets, oldest
-- first. Slots are a sorted set: a running request's id, by the deadline of its lease.
--
-- ARGV   1 what to do   2 window   3 bucket   (all times in ms)   4 … as below
-- The clock is the server's own, so those of the callers do not matter.

local act, span, size = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function leaves(bucket) -- when the last request that it may hold is one window old
  return (bucket + 1) * size + span
end

local function open(sums, order)
  local head = redis.call('LINDEX', order, 0)
  while head and leaves(head) <= now do
    redis.call('LPOP', order)
    local gone = redis.call('HMGET', sums, 'r' .. head, 't' .. head)
    redis.call('HDEL', sums, 'r' .. head, 't' .. head)
    -- Not -(…): of 0 that is -0.0, which Redis before 7.2 writes as "-0", and then refuses to add.
    redis.call('HINCRBY', sums, 'requests', 0 - (gone[1] or 0))
    redis.call('HINCRBY', sums, 'tokens', 0 - (gone[2] or 0))
    head = redis.call('LINDEX', order, 0)
  end
  if not head then
    redis.call('DEL', sums)
  end
  local counted = redis.call('HMGET', sums, 'requests', 'tokens')
  return {
    sums = sums, order = order,
    r = tonumber(counted[1] or 0), t = tonumber(counted[2] or 0),
  }
end

local function count(window, tokens)
  local bucket = math.floor(now / size)
  local tail = redis.call('LINDEX', window.order, -1)
  if tail and tonumber(tail) >= bucket then -- the same one, or the clock was set back
    bucket = tonumber(tail)
  else
    redis.call('RPUSH', window.order, bucket)
  end
  redis.call('HINCRBY', window.sums, 'r' .. bucket, 1)
  redis.call('HINCRBY', window.sums, 't' .. bucket, tokens)
  window.r = redis.call('HINCRBY', window.sums, 'requests', 1)
  window.t = redis.call('HINCRBY', window.sums, 'tokens', tokens)
  redis.call('PEXPIRE', window.sums, span * 2)
  redis.call('PEXPIRE', window.order, span * 2)
  return bucket
end

local function wait(window, kind, excess) -- until so much has left the window
  local from = 0
  while true do
    local buckets = redis.call('LRANGE', window.order, from, from + 99)
    if #buckets == 0 then
      return span
    end
    local names = {}
    for i, bucket in ipairs(buckets) do
      names[i] = kind .. bucket
    end
    for i, counted in ipairs(redis.call('HMGET', window.sums, unpack(names))) do
      excess = excess - tonumber(counted or 0)
      if excess <= 0 then
        return leaves(buckets[i]) - now
      end
    end
    from = from + 100
  end
end

local function reset(window, counted) -- until nothing counts any more
  local tail = redis.call('LINDEX', window.order, -1)
  if counted <= 0 or not tail then
    return 0
  end
  return leaves(tail) - now
end

local function keep(id, lease)
  redis.call('ZADD', KEYS[3], now + lease, id)
  redis.call('PEXPIRE', KEYS[3], lease)
end

-- 4 lease, 5 … ids: these requests still run.
if act == 'renew' then
  for i = 5, #ARGV do
    keep(ARGV[i], tonumber(ARGV[4]))
  end
  return 1
end

-- 4 id, 5 the bucket it was counted in, 6 what it used beyond what was counted (mostly negative).
if act == 'release' then
  if redis.call('ZREM', KEYS[3], ARGV[4]) == 1
    and redis.call('HEXISTS', KEYS[1], 't' .. ARGV[5]) == 1 then
    redis.call('HINCRBY', KEYS[1], 't' .. ARGV[5], ARGV[6])
    redis.call('HINCRBY', KEYS[1], 'tokens', ARGV[6])
  end
  return 1
end

-- admit: 4 requests, 5 tokens, 6 slots, 7 requests of the key (-1: no limit of its own), 8 tokens
-- to count, 9 id, 10 lease. peek: the first four, and nothing is counted.
local requests, tokens, slots, of_key =
  tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local user = open(KEYS[1], KEYS[2])
local key = of_key >= 0 and open(KEYS[4], KEYS[5])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
local running = redis.call('ZCARD', KEYS[3])
local refusal, pause, bucket = 0, 0, 0

local function refuse(reason, ms)
  if ms > pause then
    refusal, pause = reason, ms
  end
end

if act == 'admit' and redis.call('ZSCORE', KEYS[3], ARGV[9]) then
  bucket = tonumber(redis.call('LINDEX', KEYS[2], -1) or 0) -- asked again: it is in
elseif act == 'admit' then
  local cost = tonumber(ARGV[8])
  if user.r + 1 > requests then
    refuse(1, wait(user, 'r', user.r + 1 - requests))
  end
  if tokens == 0 or user.t + cost > tokens then
    refuse(2, wait(user, 't', tokens == 0 and math.huge or user.t + cost - tokens))
  end
  if key and key.r + 1 > of_key then
    refuse(4, wait(key, 'r', key.r + 1 - of_key))
  end
  if refusal == 0 and running >= slots then
    refuse(3, 1000)
  end
  if refusal == 0 then
    bucket = count(user, cost)
    if key then
      count(key, 0)
    end
    keep(ARGV[9], tonumber(ARGV[10]))
    running = running + 1
  end
end

return {
  refusal, pause, bucket,
  math.max(requests - user.r, 0), reset(user, user.r),
  math.max(tokens - user.t, 0), reset(user, user.t),
  math.max(slots - running, 0),
  key and math.max(of_key - key.r, 0) or -1, key and reset(key, key.r) or 0,
}
