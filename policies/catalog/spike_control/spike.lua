-- The window of one binding, in the memory that all worker threads share; spikes.py tells its layout. Needs
-- memory.lua. settings: binding, path, size, slots, maximum, period, delay, queue.

-- A Lua state outlives a change of this file: another layout needs other names.
ffi.cdef([[
  typedef struct {
    char lock[128];
    int32_t high, low;
    uint32_t admitted_at, waiting_at;
    char rest[112];
    double admitted[1200];
    double waiting[250];
    char more[432];
  } gw_spike_1;
  typedef struct { char magic[8]; int32_t seed[2]; char rest[112]; char lock[128]; char more[3840]; } gw_spikes_1;
]])

local ADMITTED, WAITING, IDLE_MS = 1200, 250, 7200000
local memory, header, all, own_high, own_low, own

local function map()
  memory = mapped(settings.path, settings.size)
  header = ffi.cast("gw_spikes_1 *", memory)
  seed_high, seed_low = header.seed[0], header.seed[1]
  all = ffi.cast("gw_spike_1 *", ffi.cast("char *", memory) + 4096)
  own_high, own_low = hash(settings.binding)
end

local function newest(slot)
  return slot.admitted[(slot.admitted_at - 1) % ADMITTED]
end

-- The binding's slot: the one that it has, else the first that nobody has used for a while.
local function claimed(now)
  local free
  for i = 0, settings.slots - 1 do
    local slot = all[i]
    if slot.high == own_high and slot.low == own_low then return slot end
    local is_free = (slot.high == 0 and slot.low == 0) or newest(slot) + IDLE_MS < now
    if not free and is_free then free = slot end
  end
  if not free then error("too many bindings of spike-control are at work on this gateway", 0) end
  ffi.fill(free.admitted, 8 * (ADMITTED + WAITING))
  free.high, free.low, free.admitted_at, free.waiting_at = own_high, own_low, 0, 0
  free.admitted[ADMITTED - 1] = now - settings.period - 1
  return free
end

local held = {}

local function hold(mutex)
  lock(mutex)
  held[#held + 1] = mutex
end

local function release()
  for i = #held, 1, -1 do
    ffi.C.pthread_mutex_unlock(held[i])
    held[i] = nil
  end
end

local function slot_of(now)
  if not memory then map() end
  if own then
    hold(own.lock)
    if own.high == own_high and own.low == own_low then return own end
    release()
  end
  hold(header.lock)
  own = claimed(now)
  hold(own.lock)
  return own
end

-- How many of the newest `maximum` are still in the window: they are in order, so half of them are left each time.
local function in_window(slot, now)
  local low, high = 0, settings.maximum
  while low < high do
    local middle = math.floor((low + high + 1) / 2)
    local at = slot.admitted[(slot.admitted_at - middle) % ADMITTED]
    if at ~= 0 and now - at < settings.period then low = middle else high = middle - 1 end
  end
  return low
end

local function told(slot, now)
  local used = in_window(slot, now)
  local oldest = slot.admitted[(slot.admitted_at - used) % ADMITTED]
  local ends_in = used >= settings.maximum and math.ceil(oldest + settings.period - now) or 0
  return settings.maximum - used, ends_in
end

local function entered(may_wait)
  local now = now_ms()
  local slot = slot_of(now)
  local oldest = slot.admitted[(slot.admitted_at - settings.maximum) % ADMITTED]
  if oldest == 0 or now - oldest >= settings.period then
    slot.admitted[slot.admitted_at] = now
    slot.admitted_at = (slot.admitted_at + 1) % ADMITTED
    if settings.expose_headers then return "admitted", told(slot, now) end
    return "admitted"
  end
  local remaining, ends_in = told(slot, now)
  if not may_wait then return "over", remaining, ends_in end
  local before = slot.waiting[(slot.waiting_at - settings.queue) % WAITING]
  if before ~= 0 and now - before < settings.delay then return "full", remaining, ends_in end
  slot.waiting[slot.waiting_at] = now
  slot.waiting_at = (slot.waiting_at + 1) % WAITING
  return "waits", remaining, ends_in
end

-- "admitted", "waits", "over" or "full"; how many more would be admitted, and in how many ms the next one is.
local function enter(may_wait)
  local ok, state, remaining, ends_in = pcall(entered, may_wait)
  release()
  if not ok then error(state, 0) end
  return state, remaining, ends_in
end
