-- Looks clients up in the contracts that the agent writes; memory.py tells the files' layout. Needs sha256.lua.
-- settings: contracts ({folder, api}).

local ffi = require("ffi")
local HEAD_BYTES, END_BYTES, LONGEST = 4096, 8, 255
local READ_ONLY, CLOSE_ON_EXEC, SEEK_END, PROT_READ, MAP_SHARED = 0, 0x80000, 2, 1, 1
local EMPTY, WITH_SECRET = 0, 2
local MOST, MOST_TRIES = 10000, 5

ffi.cdef([[
  void *mmap(void *address, size_t length, int protection, int flags, int descriptor, long offset);
  int munmap(void *address, size_t length);
  int open(const char *path, int flags, ...);
  int close(int descriptor);
  long lseek(int descriptor, long offset, int whence);
]])

-- One for all scripts of a Lua state, which may outlive a change of this file: another layout, another name.
local shared = rawget(_G, "gatewright_contracts_1")
if not shared then
  ffi.cdef([[
    typedef struct { char magic[8]; double generation; } gw_contracts_head_1;
    typedef struct {
      char magic[8]; double generation, bytes; uint32_t slots, contracts, limits_at, unused; char key[32], rest[56];
    } gw_contracts_1;
    typedef struct {
      int32_t id[8], secret[8];
      uint32_t kind, application_at, application_bytes, first_limit, limits, name_at, name_bytes, rest;
    } gw_contract_1;
    typedef struct { uint32_t maximum, unused; double period; } gw_contract_limit_1;
  ]])
  shared = {}
  rawset(_G, "gatewright_contracts_1", shared)
end

-- The file in memory, and its size; nil where it is not there. The mapping goes with what holds it.
local function map(path)
  local descriptor = ffi.C.open(path, READ_ONLY + CLOSE_ON_EXEC)
  if descriptor < 0 then return nil end
  local bytes = tonumber(ffi.C.lseek(descriptor, 0, SEEK_END))
  local address = bytes > 0 and ffi.C.mmap(nil, bytes, PROT_READ, MAP_SHARED, descriptor, 0) or nil
  ffi.C.close(descriptor)
  if not address or tonumber(ffi.cast("intptr_t", address)) == -1 then return nil end
  return ffi.gc(address, function(mapped) ffi.C.munmap(mapped, bytes) end), bytes
end

local function unmap(memory, bytes)
  if memory then ffi.C.munmap(ffi.gc(memory, nil), bytes) end
end

local book = shared[settings.contracts.folder] or { known = 0 }
shared[settings.contracts.folder] = book

-- Looked for again each second: somebody may have put another head there. Where none can be opened, as when Envoy
-- has no descriptor left, the one before counts on: the agent writes into it.
local function look_for_head(now)
  local memory, bytes = map(settings.contracts.folder .. "/head")
  book.looked_at = now
  if not memory then return end
  if bytes ~= HEAD_BYTES then unmap(memory, bytes) memory = nil end
  unmap(book.head_memory, HEAD_BYTES)
  book.head_memory = memory
  book.head = memory and ffi.cast("const gw_contracts_head_1 *", memory)
  if book.head and ffi.string(book.head.magic, 8) ~= "GWCONTH1" then book.head = nil end
end

-- Whether the file of this generation is there and whole; then it is the one that counts.
local function open(generation)
  local memory, bytes = map(("%s/%.0f"):format(settings.contracts.folder, generation))
  if not memory then return false end
  local size = ffi.sizeof("gw_contracts_1")
  local header = ffi.cast("const gw_contracts_1 *", memory)
  local is_whole = bytes >= size + END_BYTES and ffi.string(header.magic, 8) == "GWCONTR1"
  is_whole = is_whole and header.generation == generation and header.bytes == bytes
  local start = ffi.cast("const char *", memory)
  is_whole = is_whole and ffi.cast("const double *", start + bytes - END_BYTES)[0] == generation
  if not is_whole then unmap(memory, bytes) return false end
  unmap(book.memory, book.bytes)
  book.memory, book.bytes, book.known, book.start = memory, bytes, generation, start
  book.slots = ffi.cast("const gw_contract_1 *", start + size)
  book.limits = ffi.cast("const gw_contract_limit_1 *", start + header.limits_at)
  book.mask, book.key = header.slots - 1, ffi.string(header.key, 32)
  book.young, book.old, book.count = {}, {}, 0
  return true
end

-- Takes the contracts that count now; an error where there are none that can be read.
local function refresh()
  local now = os.time()
  if book.looked_at ~= now or not book.head then look_for_head(now) end
  for _ = 1, MOST_TRIES do
    local generation = book.head and book.head.generation or 0
    if generation > 0 and (generation == book.known or open(generation)) then return end
  end
  error("the contracts in " .. settings.contracts.folder .. " cannot be read", 0)
end

-- Looks at all of both, whatever differs.
local function is_digest(stored, words)
  local differs = 0
  for i = 0, 7 do differs = bit.bor(differs, bit.bxor(stored[i], words[i + 1])) end
  return differs == 0
end

local function slot_of(client)
  local words = sha256_words(book.key .. client)
  local at = bit.band(words[1], book.mask)
  for _ = 0, book.mask do
    local slot = book.slots[at]
    if slot.kind == EMPTY then return nil end
    if is_digest(slot.id, words) then return slot end
    at = bit.band(at + 1, book.mask)
  end
end

local function limits_of(slot)
  local found = {}
  for i = 1, slot.limits do
    local limit = book.limits[slot.first_limit + i - 1]
    found[i] = { maximum = limit.maximum, period = limit.period }
  end
  return found
end

-- What was found once costs no digest again. Only what there is a contract of is kept, so no caller fills this.
local function remembered(client)
  local found = book.young[client] or book.old[client]
  if not found then
    local slot = slot_of(client)
    if not slot then return nil end
    found = { slot = slot, limits = limits_of(slot), has_secret = slot.kind == WITH_SECRET }
    found.application = ffi.string(book.start + slot.application_at, slot.application_bytes)
    found.name = ffi.string(book.start + slot.name_at, slot.name_bytes)
  end
  if not book.young[client] then
    if book.count >= MOST then book.old, book.young, book.count = book.young, {}, 0 end
    book.young[client], book.count = found, book.count + 1
  end
  return found
end

local own_clients = settings.contracts.api .. "\0"

-- The client's contract with this API: {name, application, limits}; nil where there is none. It holds until the next
-- is asked for.
local function contract_of(id)
  refresh()
  return #id <= LONGEST and remembered(own_clients .. id) or nil
end

-- Whether the secret is that of the contract. A right one is known again by being the same text.
local function is_secret(contract, id, secret)
  if not contract.has_secret or #secret > LONGEST then return false end
  if contract.proven == secret then return true end
  local words = sha256_words(book.key .. "\0" .. own_clients .. id .. "\0" .. secret)
  if not is_digest(contract.slot.secret, words) then return false end
  contract.proven = secret
  return true
end
