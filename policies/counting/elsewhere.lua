-- Runs in the storage. KEYS: a hash for each limit, of how many each replica has and until when that
-- counts, in ms. ARGV: who tells, for how many ms it counts, then a number for each. Gives how many the others have.

local clock = redis.call("TIME")
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local teller, lasts = ARGV[1], tonumber(ARGV[2])

local function others(key, count)
  if count > 0 then
    local kept = redis.pcall("HSET", key, teller, ("%d:%.0f"):format(count, now + lasts))
    if type(kept) == "table" then return false end
    redis.call("PEXPIRE", key, lasts)
  else
    redis.pcall("HDEL", key, teller)
  end
  local all, total = redis.pcall("HGETALL", key), 0
  if all.err then return false end
  for at = 1, #all, 2 do
    local open, ends = all[at + 1]:match("^(%d+):(%d+)$")
    if not open or tonumber(ends) <= now then
      redis.call("HDEL", key, all[at])
    elseif all[at] ~= teller then
      total = total + tonumber(open)
    end
  end
  return total
end

local told = {}
for i = 1, #KEYS do told[i] = others(KEYS[i], tonumber(ARGV[i + 2])) end
return told
