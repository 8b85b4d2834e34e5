-- Memory that all worker threads of a gateway share, a keyed hash, and the time; counting/ and others build on it.

local ffi = require("ffi")
local band, bxor, rol, tobit = bit.band, bit.bxor, bit.rol, bit.tobit

ffi.cdef([[
  void *mmap(void *address, size_t length, int protection, int flags, int descriptor, long offset);
  int munmap(void *address, size_t length);
  int open(const char *path, int flags, ...);
  int close(int descriptor);
  int pthread_mutex_lock(void *mutex);
  int pthread_mutex_unlock(void *mutex);
  int pthread_mutex_consistent(void *mutex);
  typedef struct { long seconds; long nanoseconds; } gw_instant;
  int clock_gettime(int clock, gw_instant *time);
]])

local READ_WRITE, CLOSE_ON_EXEC, MAP_SHARED, MONOTONIC, OWNER_DIED = 2, 0x80000, 1, 1, 130
local seed_high, seed_low

-- The mapping goes with this Lua state, when a new configuration replaces it.
local function mapped(path, size)
  local descriptor = ffi.C.open(path, READ_WRITE + CLOSE_ON_EXEC)
  if descriptor < 0 then error("no shared memory at " .. path, 0) end
  local address = ffi.C.mmap(nil, size, 3, MAP_SHARED, descriptor, 0)
  ffi.C.close(descriptor)
  if tonumber(ffi.cast("intptr_t", address)) == -1 then error("the shared memory cannot be mapped", 0) end
  return ffi.gc(address, function(memory) ffi.C.munmap(memory, size) end)
end

local function lock(mutex)
  local locked = ffi.C.pthread_mutex_lock(mutex)
  if locked == OWNER_DIED then
    ffi.C.pthread_mutex_consistent(mutex)
  elseif locked ~= 0 then
    error("lock error " .. locked, 0)
  end
end

local function mix(v0, v1, v2, v3)
  v0, v2 = tobit(v0 + v1), tobit(v2 + v3)
  v1, v3 = bxor(rol(v1, 5), v0), bxor(rol(v3, 8), v2)
  v0 = tobit(rol(v0, 16) + v3)
  v3 = bxor(rol(v3, 7), v0)
  v2 = tobit(v2 + v1)
  return v0, bxor(rol(v1, 13), v2), rol(v2, 16), v3
end

-- HalfSipHash-1-3: callers who choose key values cannot make them collide without the seed.
local function hash(text)
  local v0, v1 = seed_high, bxor(seed_low, 0xee)
  local v2, v3 = bxor(0x6c796765, seed_high), bxor(0x74656462, seed_low)
  local length = #text
  for i = 1, length - 3, 4 do
    local a, b, c, d = text:byte(i, i + 3)
    local word = bit.bor(a, bit.lshift(b, 8), bit.lshift(c, 16), bit.lshift(d, 24))
    v0, v1, v2, v3 = mix(v0, v1, v2, bxor(v3, word))
    v0 = bxor(v0, word)
  end
  local rest = length - length % 4
  local a, b, c = text:byte(rest + 1, length)
  local word = bit.bor(a or 0, bit.lshift(b or 0, 8), bit.lshift(c or 0, 16), bit.lshift(length, 24))
  v0, v1, v2, v3 = mix(v0, v1, v2, bxor(v3, word))
  v0, v2 = bxor(v0, word), bxor(v2, 0xee)
  for _ = 1, 3 do v0, v1, v2, v3 = mix(v0, v1, v2, v3) end
  local high = bxor(v1, v3)
  v1 = bxor(v1, 0xdd)
  for _ = 1, 3 do v0, v1, v2, v3 = mix(v0, v1, v2, v3) end
  return high, bxor(v1, v3)
end

local time = ffi.new("gw_instant")

local function now_ms()
  ffi.C.clock_gettime(MONOTONIC, time)
  return tonumber(time.seconds) * 1000 + tonumber(time.nanoseconds) / 1e6
end
