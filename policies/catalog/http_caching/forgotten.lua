-- Runs in the storage. KEYS: a list of what was forgotten last, and a hash of the storage's name for it and how many
-- there were in all; where answers are shared, the hash of queue.lua. ARGV: a name, for a storage that has none; the name and the number that the teller knows; how many
-- are kept; 1 where they are to last from now on, which need not be said often; then what the teller has forgotten. Gives name, number, whether some of what others told
-- since is lost, what is not, and how many answers there were.

local list, about = KEYS[1], KEYS[2]
local DAY_MS = 86400000
local name, count = redis.call("HGET", about, "name"), tonumber(redis.call("HGET", about, "count"))
if not name or not count then
  name, count = ARGV[1], 0
  redis.call("DEL", list)
  redis.call("HSET", about, "name", name)
  redis.call("HSET", about, "count", count)
end

local more = count - tonumber(ARGV[3])
local is_lost = name ~= ARGV[2] or more < 0 or more > redis.call("LLEN", list)
local missed = {}
if not is_lost and more > 0 then missed = redis.call("LRANGE", list, -more, -1) end

if #ARGV > 5 then
  for i = 6, #ARGV do redis.call("RPUSH", list, ARGV[i]) end
  redis.call("LTRIM", list, -tonumber(ARGV[4]), -1)
  count = count + #ARGV - 5
  redis.call("HSET", about, "count", count)
end
if ARGV[5] == "1" then
  redis.call("PEXPIRE", about, DAY_MS)
  redis.call("PEXPIRE", list, DAY_MS)
end
local answers = KEYS[3] and tonumber(redis.call("HGET", KEYS[3], "count")) or 0
return { name, count, is_lost and 1 or 0, missed, answers }
