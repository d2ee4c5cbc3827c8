"""What the engine does in one go (Lua). Each names its keys, as clusters and access
lists need it, and takes the time from the engine."""

from __future__ import annotations

# KEYS: the record, the claim. ARGV: the value, its seconds, the node, the channel, the
# name that those know who wait.
KEEP = """
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
if redis.call('GET', KEYS[2]) == ARGV[3] then redis.call('DEL', KEYS[2]) end
redis.call('PUBLISH', ARGV[4], 'landed:' .. ARGV[5])
return 1
"""

# KEYS: the claim. ARGV: the node, its milliseconds. The node that has it already gets
# it again: that it was given back may have been lost.
CLAIM = """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

# KEYS: the claim. ARGV: the node, the channel, the name.
FREE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], 'landed:' .. ARGV[3])
return 1
"""

# KEYS: the number of purges; their log has the same name with :log. ARGV: the purge,
# how many are remembered, the channel.
PURGE = """
local count = redis.call('INCR', KEYS[1])
redis.call('LPUSH', KEYS[1] .. ':log', ARGV[1])
redis.call('LTRIM', KEYS[1] .. ':log', 0, ARGV[2] - 1)
redis.call('PUBLISH', ARGV[3], 'purged:' .. count)
return count
"""

# KEYS: the routes that work. ARGV: one's name, how long it takes (ms) or nothing when
# it works no more, for how many seconds all are kept, how many there may be, the
# channel.
FOUND = """
if ARGV[2] == '' then return redis.call('HDEL', KEYS[1], ARGV[1]) end
local known = redis.call('HEXISTS', KEYS[1], ARGV[1])
if known == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
if known == 0 then redis.call('PUBLISH', ARGV[5], 'found') end
return 1
"""

# KEYS: the routes that work. Returns their names and times, one after the other.
ROUTES = """
return redis.call('HGETALL', KEYS[1])
"""

# The generic cell rate algorithm: what is kept is when the bucket would be full again.
# KEYS: that, the pause. ARGV: milliseconds for one request, how many may go at once,
# for how many milliseconds at most a place is reserved. Returns whether there is one
# (1), none yet (0), or a pause (2), and the milliseconds to wait.
RATE = """
local pause = redis.call('PTTL', KEYS[2])
if pause > 0 then return {2, pause} end
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local each = tonumber(ARGV[1])
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
-- further ahead than it is ever put there: the clock was set back
if full > now + each * ARGV[2] + ARGV[3] then full = now + each * (ARGV[2] - 1) end
local wait = full - each * (ARGV[2] - 1) - now
if wait > tonumber(ARGV[3]) then return {0, math.ceil(wait)} end
redis.call('SET', KEYS[1], string.format('%.3f', full + each), 'PX', 60000)
return {1, math.max(0, math.ceil(wait))}
"""

# KEYS: the pause. ARGV: its milliseconds. A longer one stays.
PAUSE = """
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
    redis.call('SET', KEYS[1], 1, 'PX', ARGV[1])
end
return 1
"""

# KEYS: the number of purges, and the name of the engine's life, in which they are
# counted. ARGV: a name for a new life. Returns the life, the number, and those of the
# log, the newest first.
PURGES = """
redis.call('SET', KEYS[2], ARGV[1], 'NX')
local count = tonumber(redis.call('GET', KEYS[1]) or '0')
local log = redis.call('LRANGE', KEYS[1] .. ':log', 0, -1)
return {redis.call('GET', KEYS[2]), count, log}
"""

# KEYS: the nodes, the number of purges, the life. ARGV: the node, for how many
# milliseconds one counts, a name for a new life. Returns the time in milliseconds, the
# nodes, the life, the purges.
BEAT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2] * 4)
redis.call('SET', KEYS[3], ARGV[3], 'NX')
local count = tonumber(redis.call('GET', KEYS[2]) or '0')
return {now, redis.call('ZCARD', KEYS[1]), redis.call('GET', KEYS[3]), count}
"""
