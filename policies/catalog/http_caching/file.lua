-- The file in which answers are kept, which all worker threads share; store.py tells its layout. Needs memory.lua.
-- settings: cache (whose answers these are), most (how many it may have), store ({path, size, and where things lie}).
-- Gives locked(act, ...), under which store.lua reads and writes.

ffi.cdef([[
  int posix_fallocate(int descriptor, long offset, long length);
  int memcmp(const void *one, const void *other, size_t length);
]])
-- A Lua state outlives a change of this file: another layout needs other names.
ffi.cdef([[
  typedef struct {
    double number, stored, fresh_until, age;
    int32_t high, low;
    uint32_t next, older, newer, owner, first;
    uint32_t key, vary, head, body, status, open, strict, told;
    char rest[36];
  } gw_stored_3;
  typedef struct {
    int32_t high, low;
    uint32_t oldest, newest, entries, blocks;
    double valid_from, used;
    uint32_t is_shared;
    char rest[20];
  } gw_cache_3;
  typedef struct {
    char magic[8];
    uint32_t limit, entries;
    int32_t seed[2];
    char rest[104];
    char lock[128];
    uint32_t is_busy, has_index, entries_made, free_entry, blocks_made, blocks_reserved, free_block, spare;
    double number;
    uint32_t forgotten[512];
  } gw_store_3;
]])

local RETRY_SECONDS, REALTIME = 1, 0
local place = settings.store
-- `held` keeps the mapping for as long as this Lua state lives.
local held, memory, store, owners, buckets, entries, nexts, data, tried
local own_high, own_low, own_number
-- By shared.lua: what a key's hash is made of, and what is done besides.
local hashed, mapped_now, owned, tell, is_behind, catch_up = hash, nil, nil, nil, nil, nil
local noted, is_forgotten_since, record_of
-- By arrivals.lua.
local arrived

local function map()
  local now = os.time()
  if tried and now < tried + RETRY_SECONDS then return false end
  tried = now
  local ok, found = pcall(mapped, place.path, place.size)
  if not ok then return false end
  held = found
  memory = ffi.cast("char *", found)
  store = ffi.cast("gw_store_3 *", memory)
  owners = ffi.cast("gw_cache_3 *", memory + place.owners)
  buckets = ffi.cast("uint32_t *", memory + place.buckets)
  entries = ffi.cast("gw_stored_3 *", memory + place.entries)
  nexts = ffi.cast("uint32_t *", memory + place.nexts)
  data = memory + place.data
  seed_high, seed_low = store.seed[0], store.seed[1]
  own_high, own_low = hashed(settings.cache)
  if mapped_now then mapped_now() end
  return true
end

-- Milliseconds since 1970, as dates in headers are.
local function wall_ms()
  ffi.C.clock_gettime(REALTIME, time)
  return tonumber(time.seconds) * 1000 + tonumber(time.nanoseconds) / 1e6
end

-- Room in memory or on the disk, or false: a write without it would end the process.
local function reserved(from, length)
  local descriptor = ffi.C.open(place.path, READ_WRITE + CLOSE_ON_EXEC)
  if descriptor < 0 then return false end
  local failed = ffi.C.posix_fallocate(descriptor, from, length)
  ffi.C.close(descriptor)
  return failed == 0
end

-- Forgets everything: at the first use, and where somebody died in the middle of a change. Numbers of entries, too:
-- by them others know what they have read.
local function emptied()
  if store.has_index == 0 and not reserved(place.owners, place.data - place.owners) then return false end
  ffi.fill(memory + place.owners, place.nexts - place.owners)
  store.entries_made, store.free_entry, store.blocks_made, store.free_block = 0, 0, 0, 0
  store.has_index = 1
  return true
end

local function caught_up(act, ...)
  if catch_up then catch_up() end
  return act(...)
end

-- Under the lock: what `act` gives; nil where the store cannot be used.
local function locked(act, ...)
  if not memory and not map() then return nil end
  local result = ffi.C.pthread_mutex_lock(store.lock)
  if result == OWNER_DIED then
    ffi.C.pthread_mutex_consistent(store.lock)
    store.is_busy = 1
  elseif result ~= 0 then
    return nil
  end
  local usable = (store.is_busy == 0 and store.has_index == 1) or emptied()
  local ok, found
  if usable then
    store.is_busy = 1
    ok, found = pcall(caught_up, act, ...)
    if ok then store.is_busy = 0 end
  end
  ffi.C.pthread_mutex_unlock(store.lock)
  if usable and not ok then error(found, 0) end
  return found
end
