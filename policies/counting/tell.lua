-- Runs in the storage. KEYS: the teller's last batch, then a count each. ARGV: the number of this batch, then for each
-- count how many more there are and for how many ms it is kept. Gives the totals; nothing for what is no number.
-- A batch that comes again, since its answer was lost, counts nothing.

local DAY_MS = 86400000
local is_new = (tonumber(redis.call("GET", KEYS[1])) or 0) < tonumber(ARGV[1])
if is_new then redis.call("SET", KEYS[1], ARGV[1], "PX", DAY_MS) end

local totals = {}
for i = 2, #KEYS do
  local total
  if is_new then
    total = redis.pcall("INCRBY", KEYS[i], ARGV[2 * i - 2])
    redis.pcall("PEXPIRE", KEYS[i], ARGV[2 * i - 1])
  else
    total = redis.pcall("GET", KEYS[i])
  end
  totals[i - 1] = type(total) ~= "table" and total or false
end
return totals
