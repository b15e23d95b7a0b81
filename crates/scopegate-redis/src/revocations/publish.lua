-- Stores changes of revocations in the snapshot and in the stream, together.
--
-- KEYS: entries, ends, stream.
-- ARGV: a new generation, the length of the stream, then pairs of "revoke" or "withdraw" and JSON.
local entries, ends, stream = KEYS[1], KEYS[2], KEYS[3]
local kinds = { 'jti', 'sub', 'client_id', 'sid', 'kid' }

-- The largest leeway of a verifier is 300 s, and clocks differ.
local margin = 600

-- The length keeps apart an issuer and a name that have spaces.
local function field_of(revocation)
  for _, kind in ipairs(kinds) do
    local name = revocation[kind]
    if type(name) == 'string' then
      return kind .. ' ' .. #revocation.iss .. ' ' .. revocation.iss .. ' ' .. name
    end
  end
end

-- Of two times, the later one. No time is the latest.
local function later(one, other)
  if one and other then return math.max(one, other) end
end

-- Returns what has to be stored, or nil if the stored entry includes it.
local function merged(revocation, json, stored)
  local is_json, old = pcall(cjson.decode, stored or '')
  if not is_json or type(old) ~= 'table' then return revocation, json end
  local not_before, exp = revocation.not_before, revocation.exp
  if not_before then not_before = math.max(not_before, old.not_before or not_before) end
  exp = later(exp, old.exp)
  if not_before == old.not_before and exp == old.exp then return nil end
  if not_before ~= revocation.not_before or exp ~= revocation.exp then
    revocation.not_before, revocation.exp = not_before, exp
    json = cjson.encode(revocation)
  end
  return revocation, json
end

local function append(operation, json)
  local number = redis.call('HINCRBY', entries, 'sequence', 1)
  redis.call('XADD', stream, 'MAXLEN', '~', ARGV[2], '*', 'n', number, 'op', operation, 'json', json)
end

redis.call('HSETNX', entries, 'generation', ARGV[1])
redis.call('HSETNX', entries, 'sequence', 0)

local now = tonumber(redis.call('TIME')[1])
local ended = redis.call('ZRANGEBYSCORE', ends, '-inf', now - margin, 'LIMIT', 0, 200 + #ARGV)
for _, field in ipairs(ended) do
  redis.call('HDEL', entries, field)
  redis.call('ZREM', ends, field)
end

for at = 3, #ARGV, 2 do
  local operation, json = ARGV[at], ARGV[at + 1]
  local revocation = cjson.decode(json)
  local field = field_of(revocation)
  if operation == 'withdraw' then
    redis.call('HDEL', entries, field)
    redis.call('ZREM', ends, field)
    append(operation, json)
  else
    revocation, json = merged(revocation, json, redis.call('HGET', entries, field))
    if revocation then
      redis.call('HSET', entries, field, json)
      if revocation.exp then
        redis.call('ZADD', ends, revocation.exp, field)
      else
        redis.call('ZREM', ends, field)
      end
      append(operation, json)
    end
  end
end
return redis.call('HGET', entries, 'sequence')
