-- Stores changes of revocations in the snapshot and in the stream, together.
--
-- KEYS: entries, ends, stream.
-- ARGV: 32 random hexadecimal digits, the length of the stream, the seconds since 1970 by the clock
-- of the writer, then pairs of "revoke" or "withdraw" and JSON.
--
-- Returns the number of the last change, and how many ended entries were removed.
local entries, ends, stream = KEYS[1], KEYS[2], KEYS[3]
local kinds = { 'jti', 'sub', 'client_id', 'sid', 'kid' }

-- All changes of this script have it. A replica has all of them or none.
local mark = string.sub(ARGV[1], 1, 16)

-- A clock may be ahead by the hours of a time zone. Ended entries are kept for a day.
local delay = 86400

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

-- Only the times are written anew: another encoder would write longer names. A member cannot be
-- part of a name, because the JSON of a name ends with a quotation mark.
local function with_times(json, not_before, exp)
  json = string.gsub(json, ',"exp":%d+}$', '}')
  json = string.gsub(json, ',"not_before":%d+}$', '}')
  local times = ''
  if not_before then times = times .. string.format(',"not_before":%.0f', not_before) end
  if exp then times = times .. string.format(',"exp":%.0f', exp) end
  return string.sub(json, 1, -2) .. times .. '}'
end

-- Returns what has to be stored, or nil if the stored entry includes it.
local function merged(revocation, json, stored)
  local is_json, old = pcall(cjson.decode, string.sub(stored or '', 18))
  if not is_json or type(old) ~= 'table' then return revocation, json end
  local not_before, exp = revocation.not_before, revocation.exp
  if not_before then not_before = math.max(not_before, old.not_before or not_before) end
  exp = later(exp, old.exp)
  if not_before == old.not_before and exp == old.exp then return nil end
  if not_before ~= revocation.not_before or exp ~= revocation.exp then
    revocation.not_before, revocation.exp = not_before, exp
    json = with_times(json, not_before, exp)
  end
  return revocation, json
end

local after = redis.call('HGET', entries, 'mark') or ''

local function append(operation, json)
  local number = redis.call('HINCRBY', entries, 'sequence', 1)
  redis.call('XADD', stream, 'MAXLEN', '~', ARGV[2], '*',
    'n', number, 'mark', mark, 'after', after, 'op', operation, 'json', json)
  if after ~= mark then redis.call('HSET', entries, 'mark', mark) end
  after = mark
end

redis.call('HSETNX', entries, 'generation', ARGV[1])
redis.call('HSETNX', entries, 'sequence', 0)

-- Both clocks must be ahead to remove an entry too early.
local now = math.min(tonumber(redis.call('TIME')[1]), tonumber(ARGV[3]))
local ended = redis.call('ZRANGEBYSCORE', ends, '-inf', now - delay, 'LIMIT', 0, 200 + #ARGV)
for _, field in ipairs(ended) do
  redis.call('HDEL', entries, field)
  redis.call('ZREM', ends, field)
end

for at = 4, #ARGV, 2 do
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
      redis.call('HSET', entries, field, mark .. ' ' .. json)
      if revocation.exp then
        redis.call('ZADD', ends, revocation.exp, field)
      else
        redis.call('ZREM', ends, field)
      end
      append(operation, json)
    end
  end
end
return { redis.call('HGET', entries, 'sequence'), #ended }
