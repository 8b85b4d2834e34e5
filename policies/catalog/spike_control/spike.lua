-- The window of one binding, in the memory that all worker threads share; spikes.py tells its layout. Needs
-- memory.lua. settings: binding, path, size, slots, maximum, group (how many requests a time in the ring stands for),
-- period, delay, queue, shared_as (two numbers by which replicas know it, 0 where each counts for itself), heard_ms.

-- A Lua state outlives a change of this file: another layout needs other names.
ffi.cdef([[
  typedef struct {
    char lock[128];
    int32_t high, low;
    uint32_t admitted_at, waiting_at;
    double period;
    int32_t name[2];
    double heard_at;
    uint32_t others, group, begun;
    double begun_at;
    char rest[64];
    double admitted[1200];
    double waiting[250];
    char more[432];
  } gw_spike_3;
  typedef struct { char magic[8]; int32_t seed[2]; char rest[112]; char lock[128]; char more[3840]; } gw_spikes_1;
]])

local ADMITTED, WAITING, IDLE_MS = 1200, 250, 7200000
local memory, header, all, own_high, own_low, own

local function map()
  memory = mapped(settings.path, settings.size)
  header = ffi.cast("gw_spikes_1 *", memory)
  seed_high, seed_low = header.seed[0], header.seed[1]
  all = ffi.cast("gw_spike_3 *", ffi.cast("char *", memory) + 4096)
  own_high, own_low = hash(settings.binding)
end

local function newest(slot)
  return math.max(slot.admitted[(slot.admitted_at - 1) % ADMITTED], slot.begun_at)
end

-- A slot with these many groups admitted just now.
local function fill(slot, groups, now)
  ffi.fill(slot.admitted, 8 * ADMITTED)
  for i = 0, groups - 1 do slot.admitted[i] = now end
  if groups == 0 then slot.admitted[ADMITTED - 1] = now - settings.period - 1 end
  slot.admitted_at, slot.group, slot.begun, slot.begun_at = groups % ADMITTED, settings.group, 0, 0
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
  ffi.fill(free.waiting, 8 * WAITING)
  free.high, free.low, free.waiting_at = own_high, own_low, 0
  free.heard_at, free.others = 0, 0
  fill(free, 0, now)
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

-- What the agent needs to tell other replicas of it.
local function told_to_agent(slot)
  slot.period = settings.period
  slot.name[0], slot.name[1] = settings.shared_as[1], settings.shared_as[2]
  return slot
end

local function slot_of()
  if not memory then map() end
  if own then
    hold(own.lock)
    if own.high == own_high and own.low == own_low then return told_to_agent(own) end
    release()
  end
  hold(header.lock)
  own = claimed(now_ms())
  hold(own.lock)
  return told_to_agent(own)
end

-- How many requests may pass here in the window: what other replicas have let pass takes from it.
local function room_of(slot, now)
  local is_alone = settings.shared_as[1] == 0 and settings.shared_as[2] == 0
  if is_alone or now - slot.heard_at >= settings.heard_ms then return settings.maximum end
  return math.max(0, settings.maximum - slot.others)
end

-- How many of the newest groups have one that is still in the window: they are in order, so half of them are left each
-- time.
local function groups_in_window(slot, now)
  local low, high = 0, ADMITTED
  while low < high do
    local middle = math.floor((low + high + 1) / 2)
    local at = slot.admitted[(slot.admitted_at - middle) % ADMITTED]
    if at ~= 0 and now - at < settings.period then low = middle else high = middle - 1 end
  end
  return low
end

-- Another limit counts in other groups: what is in the window counts on, as if it had come just now.
local function regroup(slot, now)
  local group = math.max(slot.group, 1)
  if group ~= settings.group then
    local used = groups_in_window(slot, now) * group + slot.begun
    fill(slot, math.min(ADMITTED, math.ceil(used / settings.group)), now)
  elseif slot.begun > 0 and now - slot.begun_at >= settings.period then
    slot.begun = 0
  end
end

-- When that group was full which must have left the window for one more request; nil where even the one that is not
-- full yet leaves no room.
local function oldest(slot, room)
  if room <= slot.begun then return nil end
  local back = math.floor((room - 1 - slot.begun) / settings.group) + 1
  return slot.admitted[(slot.admitted_at - back) % ADMITTED]
end

-- Nobody knows when those of others leave the window: a whole one later, at the latest.
local function told(slot, now, room)
  local used = groups_in_window(slot, now) * settings.group + slot.begun
  if used < room then return room - used, 0 end
  if room == 0 then return 0, settings.period end
  return 0, math.max(0, math.ceil((oldest(slot, room) or slot.begun_at) + settings.period - now))
end

local function note(slot, now)
  slot.begun, slot.begun_at = slot.begun + 1, now
  if slot.begun < settings.group then return end
  slot.admitted[slot.admitted_at], slot.begun = now, 0
  slot.admitted_at = (slot.admitted_at + 1) % ADMITTED
end

local function entered(may_wait)
  -- Behind the lock, so that the ring is in order: a thread that waited for it would note an earlier time.
  local slot = slot_of()
  local now = now_ms()
  regroup(slot, now)
  local room = room_of(slot, now)
  local at = oldest(slot, room)
  if at and (at == 0 or now - at >= settings.period) then
    note(slot, now)
    if settings.expose_headers then return "admitted", told(slot, now, room) end
    return "admitted"
  end
  local remaining, ends_in = told(slot, now, room)
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
