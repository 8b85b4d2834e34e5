-- Counts requests in the memory that all worker threads share; shared_memory.py tells its layout. Needs memory.lua.
-- settings: binding, path, size, buckets, cells, shared (whether other replicas' requests count; needs sha256.lua then).

-- A Lua state outlives a change of this file: another layout needs other names.
ffi.cdef([[
  typedef struct {
    int32_t high, low;
    double period, start;
    uint32_t requests, maximum, binding, length, others, sent;
    int32_t digest[2];
    char text[72];
  } gw_cell_3;
  typedef struct { char lock[128]; gw_cell_3 cells[31]; } gw_bucket_3;
  typedef struct {
    char magic[8]; uint32_t buckets, cells; int32_t seed[2];
    char identity[104]; double exchanged; char rest[1912]; uint8_t changed[2048];
  } gw_header_3;
]])

local LONGEST_TEXT, WALL_CLOCK = 72, 0
-- A shorter window is over before others hear of it. So long after the last exchange nobody knows what others counted.
local SHORTEST_SHARED_MS, LOST_MS = 1000, 15000
local memory, header, buckets, own_binding

local function map()
  memory = mapped(settings.path, settings.size)
  header = ffi.cast("gw_header_3 *", memory)
  seed_high, seed_low = header.seed[0], header.seed[1]
  buckets = ffi.cast("gw_bucket_3 *", ffi.cast("char *", memory) + 4096)
end

-- Whether one cell is to be forgotten before another: not one that refuses, then the least used, the oldest.
local function gives_way(one, other)
  local refuses, other_refuses = one.requests >= one.maximum, other.requests >= other.maximum
  if refuses ~= other_refuses then return other_refuses end
  if one.requests ~= other.requests then return one.requests < other.requests end
  return one.start < other.start
end

-- The cell to forget when all of a bucket are live: one of the binding that holds the most, if that is more than
-- ours holds with a new one, else one of ours that has quota left. So no binding takes another's share, and
-- none frees a key that it refuses.
local function forgotten(bucket, high, low)
  local held, most = {}, own_binding
  held[own_binding] = 1
  for i = 0, settings.cells - 1 do
    local binding = bucket.cells[i].binding
    held[binding] = (held[binding] or 0) + 1
    if held[binding] > held[most] then most = binding end
  end
  if held[most] == held[own_binding] then most = own_binding end
  local victim
  for i = 0, settings.cells - 1 do
    local cell = bucket.cells[i]
    local is_ours = cell.high == high and cell.low == low
    if cell.binding == most and not is_ours and (not victim or gives_way(cell, victim)) then victim = cell end
  end
  if victim and (most ~= own_binding or victim.requests < victim.maximum) then return victim end
end

local wall = ffi.new("gw_instant")

-- When the window began that is now, in all replicas: windows that they share are those of the clock.
local function beginning(period, now)
  ffi.C.clock_gettime(WALL_CLOCK, wall)
  return now - (tonumber(wall.seconds) * 1000 + tonumber(wall.nanoseconds) / 1e6) % period
end

local function is_shared(period) return settings.shared and period >= SHORTEST_SHARED_MS end

-- By which replicas know the key; none where they do not share it.
local function name_of(cell, text)
  local words = is_shared(cell.period) and sha256_words(text)
  cell.digest[0], cell.digest[1] = words and words[1] or 0, words and words[2] or 0
end

local function has_name(cell) return cell.digest[0] ~= 0 or cell.digest[1] ~= 0 end

-- A cell of a shared window that is over begins the next. Its beginning first: the exchange writes `sent` without a
-- lock, and looks at the beginning afterwards.
local function renew(cell, now)
  if now - cell.start < cell.period then return end
  cell.start = beginning(cell.period, now)
  cell.requests, cell.others, cell.sent = 0, 0, 0
end

-- The key's cell for this period: its own, or a free one that becomes its own with nothing counted.
local function cell_of(bucket, high, low, period, text, now)
  local free
  for i = 0, settings.cells - 1 do
    local cell = bucket.cells[i]
    local is_ours = cell.high == high and cell.low == low
    if is_ours and cell.period == period then
      if is_shared(period) then
        if not has_name(cell) then name_of(cell, text) end
        renew(cell, now)
      elseif has_name(cell) then
        -- Shared until a moment ago. It may be again: what others counted is not ours to tell then.
        cell.requests, cell.sent, cell.others = cell.requests + cell.others, cell.sent + cell.others, 0
        name_of(cell, text)
      end
      return cell
    end
    -- Our own cells of other periods may have nothing counted yet, and are not free.
    if not free and not is_ours and cell.start + cell.period <= now then free = cell end
  end
  free = free or forgotten(bucket, high, low)
  if not free then error("too many live counters", 0) end
  free.binding = own_binding
  free.high, free.low, free.period, free.start = high, low, period, now - period
  free.requests, free.others, free.sent = 0, 0, 0
  name_of(free, text)
  if is_shared(period) then renew(free, now) end
  free.length = math.min(#text, LONGEST_TEXT)
  ffi.copy(free.text, text, free.length)
  return free
end

-- What is used of a cell's window, and the ms to its end. Never start + period - now: rounded, that is more than
-- the period.
local function used_of(cell, now)
  local age = now - cell.start
  if age >= cell.period then return 0, cell.period end
  if has_name(cell) then return cell.requests + cell.others, cell.period - age end
  if cell.requests == 0 then return 0, cell.period end
  return cell.requests, cell.period - age
end

local changed_bucket

local function take_one(cell, used, now)
  if is_shared(cell.period) then
    cell.requests = cell.requests + 1
    header.changed[changed_bucket] = 1
    return
  end
  if used == 0 then cell.start, cell.sent = now, 0 end
  cell.requests = used + 1
end

-- One limit, as most have: without a table.
local function count_one(limit, bucket, high, low, text, now)
  local maximum = limit.maximum
  local cell = cell_of(bucket, high, low, limit.period, text, now)
  cell.maximum = maximum
  local used, ends = used_of(cell, now)
  if used >= maximum then return false, maximum, 0, ends end
  take_one(cell, used, now)
  return true, maximum, maximum - used - 1, ends
end

-- All limits have quota, or none is used; the answer tells of the most restrictive.
local function count_all(limits, bucket, high, low, text, now)
  local cells, admitted = {}, true
  for i, limit in ipairs(limits) do
    local cell = cell_of(bucket, high, low, limit.period, text, now)
    cell.maximum = limit.maximum
    cells[i] = cell
    admitted = admitted and used_of(cell, now) < limit.maximum
  end
  local maximum, remaining, ends_in
  for i, limit in ipairs(limits) do
    local used, ends = used_of(cells[i], now)
    if admitted then
      take_one(cells[i], used, now)
      used = used + 1
    elseif used == 0 then
      ends = 0
    end
    local left = math.max(limit.maximum - used, 0)
    if not remaining or left < remaining or (left == remaining and ends > ends_in) then
      maximum, remaining, ends_in = limit.maximum, left, ends
    end
  end
  return admitted, maximum, remaining, ends_in
end

local own_text = settings.binding .. "\n"
local last_text, high, low, held

local function take_locked(key, limits)
  if not memory then
    map()
    own_binding = hash(settings.binding) % 2 ^ 32
  end
  local text = key == "" and own_text or own_text .. key
  if text ~= last_text then
    high, low = hash(text)
    last_text = text
  end
  if settings.shared and settings.block_on_unknown_quota and now_ms() - header.exchanged > LOST_MS then
    error("the shared storage has not answered for " .. LOST_MS / 1000 .. " s", 0)
  end
  changed_bucket = band(low, settings.buckets - 1)
  local bucket = buckets[changed_bucket]
  lock(bucket.lock)
  held = bucket
  if not limits[2] then return count_one(limits[1], bucket, high, low, text, now_ms()) end
  return count_all(limits, bucket, high, low, text, now_ms())
end

-- Takes one request of the key's quota under these limits, each {maximum, period}: whether it is admitted, and of
-- the most restrictive limit the maximum, what remains, and the ms to its end. nil and the reason when the quota
-- cannot be known.
local function take(key, limits)
  local ok, admitted, maximum, remaining, ends_in = pcall(take_locked, key, limits)
  if held then
    ffi.C.pthread_mutex_unlock(held.lock)
    held = nil
  end
  if not ok then return nil, tostring(admitted) end
  return admitted, maximum, remaining, math.ceil(ends_in)
end
