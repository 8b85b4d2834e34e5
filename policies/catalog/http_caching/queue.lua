-- Runs in the storage. KEYS: the list and the hash of forgotten.lua; a list of sealed answers, the newest last, and a
-- hash of how many there were in all and how many bytes there are. ARGV: the name that the teller knows the storage by;
-- his mark, with which his own answers begin; how many he has read, -1 for none; how many bytes he takes about; then
-- for each answer that he tells the number of records that he knows, its record and it itself. Gives the time in
-- seconds and microseconds, how many are read now, how many were gone before, how many of his are kept, and what
-- others told.

local MINUTE_MS, DAY_MS, MOST_BYTES, MOST_TAKEN = 60000, 86400000, 33554432, 256
local forgotten, about, list, held = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local mark, read, most = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local clock = redis.call("TIME")
local count = tonumber(redis.call("HGET", held, "count")) or 0
local bytes = tonumber(redis.call("HGET", held, "bytes")) or 0
local have = redis.call("LLEN", list)
if have == 0 then bytes = 0 end

local taken, size, gone = {}, 0, 0
if read < 0 or read > count then read = count end
if read < count - have then read, gone = count - have, count - have - read end
while read < count and size < most and #taken < MOST_TAKEN do
  local one = redis.call("LINDEX", list, read - count)
  read = read + 1
  if one and one:sub(1, #mark) ~= mark then
    taken[#taken + 1], size = one, size + #one
  end
end

-- What was forgotten since the teller last heard of it is no longer good.
local kept = 0
local records = tonumber(redis.call("HGET", about, "count"))
if #ARGV > 4 and records and redis.call("HGET", about, "name") == ARGV[1] then
  local known = records
  for i = 5, #ARGV, 3 do known = math.min(known, tonumber(ARGV[i])) end
  local place, missed = {}, {}
  if known < records then missed = redis.call("LRANGE", forgotten, known - records, -1) end
  for i, record in ipairs(missed) do place[record] = records - #missed + i end
  local none = ("\0"):rep(16)
  for i = 5, #ARGV, 3 do
    local from, record, sealed = tonumber(ARGV[i]), ARGV[i + 1], ARGV[i + 2]
    local last = math.max(place[record] or 0, place[record:sub(1, 16) .. none] or 0, place[none .. none] or 0)
    if last <= from and from >= records - redis.call("LLEN", forgotten) then
      redis.call("RPUSH", list, sealed)
      kept, count, bytes = kept + 1, count + 1, bytes + #sealed
    end
  end
  while bytes > MOST_BYTES do bytes = bytes - #redis.call("LPOP", list) end
  redis.call("HSET", held, "count", count)
  redis.call("HSET", held, "bytes", bytes)
  redis.call("PEXPIRE", held, DAY_MS)
  redis.call("PEXPIRE", list, MINUTE_MS)
end
return { clock[1], clock[2], read, gone, kept, taken }
