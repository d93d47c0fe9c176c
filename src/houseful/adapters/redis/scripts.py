"""Atomic steps in Redis, as Lua scripts.

A script checks everything before its first write. Redis refuses the first write of a script or none (out of
memory, read only): a failed script has changed nothing.
"""

import hashlib


class Script:
    """A script, called by its digest. Its text is sent only to a server that does not know it."""

    def __init__(self, text: str) -> None:
        self.text = text.strip().encode()
        self.digest = hashlib.sha1(self.text, usedforsecurity=False).hexdigest().encode()


ACQUIRE = Script("""
-- KEYS: locks. ARGV: owner, milliseconds to live.
-- 0, or for how many milliseconds more one of them is somebody else's.
for _, key in ipairs(KEYS) do
  local owner = redis.call('GET', key)
  if owner and owner ~= ARGV[1] then
    return math.max(1, redis.call('PTTL', key))
  end
end
for _, key in ipairs(KEYS) do
  redis.call('SET', key, ARGV[1], 'PX', ARGV[2])
end
return 0
""")

RELEASE = Script("""
-- KEYS: locks. ARGV: owner.
for _, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then
    redis.call('DEL', key)
  end
end
return 0
""")

TAKE = Script("""
-- KEYS: a bucket. ARGV: microseconds from token to token, microseconds from empty to full, 0 to only look.
-- 0, or the microseconds until there is a token.
-- Kept is the moment at which the bucket will be full, by the server's clock (the generic cell rate
-- algorithm); nothing is written where nothing is taken.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local step, depth = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = math.min(tonumber(redis.call('GET', KEYS[1])) or now, now + depth)
full = math.max(full, now) + step
if full - now > depth then
  return math.ceil(full - now - depth)
end
if ARGV[3] ~= '0' then
  redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
end
return 0
""")
