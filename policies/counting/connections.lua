-- Counts open connections in memory that all worker threads share; connections.py tells its layout. Needs memory.lua.
-- settings: binding, maximum, memory ({path, size, owners, entries, owner_count, entry_count, shared, shared_as,
-- heard_ms}), observes.

ffi.cdef([[
  int socket(int family, int type, int protocol);
  long send(int descriptor, const void *bytes, size_t length, int flags);
  long recv(int descriptor, void *bytes, size_t length, int flags);
  int inet_pton(int family, const char *text, void *address);
]])
-- A Lua state outlives a change of this file: another layout needs other names.
ffi.cdef([[
  typedef struct {
    int32_t cookie[2];
    uint32_t serial, next, owner;
    uint8_t family, rest;
    uint8_t ports[4];
    uint8_t addresses[32];
    char more[6];
  } gw_connection_2;
  typedef struct { int32_t high, low; uint32_t first, count; double swept, took; } gw_connections_2;
  typedef struct { int32_t name[2]; uint32_t others, rest; double told_at; double more; } gw_shared_connections_2;
  typedef struct {
    char magic[8];
    int32_t seed[2];
    char rest[112];
    char lock[128];
    uint32_t free, made, serial, is_busy;
  } gw_connections_head_2;
]])

local NETLINK, RAW, SOCK_DIAG, CLOEXEC, NOW, INET, INET6 = 16, 3, 4, 0x80000, 0x40, 2, 10
local BY_FAMILY, ESTABLISHED = 20, 1
-- A full look at who is still there may take a twentieth of the time.
local PAUSE = 20
local place = settings.memory
-- `held` keeps the mapping for as long as this Lua state lives.
local held, memory, head, owners, entries, shared, own_high, own_low

local function map()
  held = mapped(place.path, place.size)
  memory = ffi.cast("char *", held)
  head = ffi.cast("gw_connections_head_2 *", memory)
  owners = ffi.cast("gw_connections_2 *", memory + place.owners)
  entries = ffi.cast("gw_connection_2 *", memory + place.entries)
  shared = ffi.cast("gw_shared_connections_2 *", memory + place.shared)
  seed_high, seed_low = head.seed[0], head.seed[1]
  own_high, own_low = hash(settings.binding)
end

-- What the kernel knows of a connection --

local question, answer = ffi.new("uint8_t[72]"), ffi.new("uint8_t[512]")
local kernel

local function asked_kernel()
  if kernel then return kernel end
  local descriptor = ffi.C.socket(NETLINK, RAW + CLOEXEC, SOCK_DIAG)
  if descriptor < 0 then error("this machine's kernel does not tell of connections", 0) end
  kernel = ffi.gc(ffi.new("int[1]", descriptor), function(one) ffi.C.close(one[0]) end)
  return kernel
end

-- Whether a connection between these is there, and its cookie, which the kernel gives to no second one.
local function cookie_of(family, ports, addresses)
  local descriptor = asked_kernel()[0]
  ffi.fill(question, 72)
  local words = ffi.cast("uint32_t *", question)
  words[0] = 72
  ffi.cast("uint16_t *", question)[2], ffi.cast("uint16_t *", question)[3] = BY_FAMILY, 1
  question[16], question[17], words[5] = family, 6, 0xffffffff
  ffi.copy(question + 24, ports, 4)
  ffi.copy(question + 28, addresses, 32)
  words[16], words[17] = 0xffffffff, 0xffffffff
  if ffi.C.send(descriptor, question, 72, 0) ~= 72 then error("the kernel cannot be asked about connections", 0) end
  local got = ffi.C.recv(descriptor, answer, 512, NOW)
  if got < 20 then error("the kernel does not tell of connections", 0) end
  if got < 84 or ffi.cast("uint16_t *", answer)[2] ~= BY_FAMILY or answer[17] ~= ESTABLISHED then return nil end
  local cookie = ffi.cast("int32_t *", answer + 60)
  return cookie[0], cookie[1]
end

local function is_there(entry)
  local a, b = cookie_of(entry.family, entry.ports, entry.addresses)
  return a ~= nil and a == entry.cookie[0] and b == entry.cookie[1]
end

-- Under the lock --

local function freed(at)
  local entry = entries[at]
  entry.serial, entry.next = 0, head.free
  head.free = at
end

-- Takes out whoever is gone, and counts the others.
local function swept(owner, now)
  if now < owner.swept + PAUSE * owner.took then return end
  local before, at, count = 0, owner.first, 0
  while at ~= 0 do
    local next_one = entries[at].next
    if is_there(entries[at]) then
      before, count = at, count + 1
    else
      if before == 0 then owner.first = next_one else entries[before].next = next_one end
      freed(at)
    end
    at = next_one
  end
  owner.count, owner.swept, owner.took = count, now_ms(), now_ms() - now
end

-- After a death in the middle of a change: the lists anew, of those who are still there.
local function mended()
  for i = 0, place.owner_count - 1 do owners[i].first, owners[i].count = 0, 0 end
  head.free = 0
  for at = 1, math.min(head.made, place.entry_count) do
    local entry = entries[at]
    if entry.serial ~= 0 and entry.owner < place.owner_count and is_there(entry) then
      local owner = owners[entry.owner]
      entry.next, owner.first, owner.count = owner.first, at, owner.count + 1
    else
      freed(at)
    end
  end
end

local function own(now)
  local free
  for i = 0, place.owner_count - 1 do
    local owner = owners[i]
    if owner.high == own_high and owner.low == own_low then return owner, i end
    if not free and owner.count == 0 then free = i end
  end
  if not free then
    for i = 0, place.owner_count - 1 do
      swept(owners[i], now)
      if owners[i].count == 0 then free = i end
    end
  end
  if not free then error("too many bindings count connections on this gateway", 0) end
  ffi.fill(owners[free], ffi.sizeof("gw_connections_2"))
  ffi.fill(shared + free, ffi.sizeof("gw_shared_connections_2"))
  owners[free].high, owners[free].low = own_high, own_low
  return owners[free], free
end

-- How many other replicas have open, as far as they have said so lately.
local function others(number, now)
  local one = shared[number]
  one.name[0], one.name[1] = place.shared_as[1], place.shared_as[2]
  if one.name[0] == 0 and one.name[1] == 0 or now - one.told_at > place.heard_ms then return 0 end
  return one.others
end

local function room(now)
  if head.free == 0 and head.made >= place.entry_count then
    for i = 0, place.owner_count - 1 do
      if owners[i].count > 0 then swept(owners[i], now) end
    end
  end
  local at = head.free
  if at ~= 0 then
    head.free = entries[at].next
    return at
  end
  if head.made >= place.entry_count then error("too many connections are counted on this gateway", 0) end
  head.made = head.made + 1
  return head.made
end

local function address(text, addresses, from)
  local host, port = text:match("^%[([^%]]+)%]:(%d+)$")
  local family = host and INET6 or INET
  if not host then host, port = text:match("^([%d.]+):(%d+)$") end
  if not host or ffi.C.inet_pton(family, host, addresses + from) ~= 1 then
    error("the connection has no address", 0)
  end
  return family, tonumber(port)
end

local function put_port(ports, at, port)
  ports[at], ports[at + 1] = bit.rshift(port, 8), band(port, 255)
end

-- Fills the entry with the connection's own marks.
local function marked(entry, here, there)
  ffi.fill(entry.addresses, 32)
  local family, own_port = address(here, entry.addresses, 0)
  local _, other_port = address(there, entry.addresses, 16)
  entry.family = family
  put_port(entry.ports, 0, own_port)
  put_port(entry.ports, 2, other_port)
  local a, b = cookie_of(family, entry.ports, entry.addresses)
  if not a then error("the connection is gone", 0) end
  entry.cookie[0], entry.cookie[1] = a, b
end

local function taken(here, there)
  local now = now_ms()
  local owner, number = own(now)
  local elsewhere = others(number, now)
  if owner.count + elsewhere >= settings.maximum then swept(owner, now) end
  local count = owner.count + elsewhere
  if count >= settings.maximum and not settings.observes then return { count = count } end
  local at = room(now)
  local entry = entries[at]
  local ok, why = pcall(marked, entry, here, there)
  if not ok then
    freed(at)
    error(why, 0)
  end
  head.serial = head.serial % 4294967295 + 1
  entry.serial, entry.next, entry.owner = head.serial, owner.first, number
  owner.first, owner.count = at, owner.count + 1
  return { count = count, at = at, serial = head.serial }
end

local function given_back(at, serial)
  local entry = entries[at]
  if entry.serial ~= serial then return true end
  local owner = owners[entry.owner]
  local one, before = owner.first, 0
  while one ~= at do
    if one == 0 then return true end
    before, one = one, entries[one].next
  end
  if before == 0 then owner.first = entry.next else entries[before].next = entry.next end
  owner.count = owner.count - 1
  freed(at)
  return true
end

local function locked(act, ...)
  if not memory then map() end
  local result = ffi.C.pthread_mutex_lock(head.lock)
  if result == OWNER_DIED then
    ffi.C.pthread_mutex_consistent(head.lock)
    head.is_busy = 1
  elseif result ~= 0 then
    error("lock error " .. result, 0)
  end
  local ok, found = true, nil
  if head.is_busy ~= 0 then ok, found = pcall(mended) end
  if ok then
    head.is_busy = 1
    ok, found = pcall(act, ...)
    head.is_busy = 0
  end
  ffi.C.pthread_mutex_unlock(head.lock)
  if not ok then error(found, 0) end
  return found
end

-- Counts the connection between these addresses: how many there were, and where it is counted, unless it is one too many.
local function take(here, there) return locked(taken, here, there) end

local function give_back(at, serial) return locked(given_back, at, serial) end
