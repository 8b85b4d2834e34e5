-- Looks clients up in the contracts that the agent writes; memory.py tells the files' layout. Needs sha256.lua.
-- settings: contracts ({folder, api}).

local ffi = require("ffi")
local HEAD_BYTES, END_BYTES, LONGEST = 4096, 8, 255
local READ_ONLY, CLOSE_ON_EXEC, SEEK_END, PROT_READ, MAP_SHARED = 0, 0x80000, 2, 1, 1
local EMPTY = 0
local MOST, MOST_TRIES = 10000, 5

ffi.cdef([[
  void *mmap(void *address, size_t length, int protection, int flags, int descriptor, long offset);
  int munmap(void *address, size_t length);
  int open(const char *path, int flags, ...);
  int close(int descriptor);
  long lseek(int descriptor, long offset, int whence);
]])

-- One for all scripts of a Lua state, which may outlive a change of this file: another layout, another name.
local shared = rawget(_G, "gatewright_contracts_2")
if not shared then
  ffi.cdef([[
    typedef struct { char magic[8]; double generation; } gw_contracts_head_2;
    typedef struct {
      char magic[8]; double generation, bytes; uint32_t slots, contracts, entries_at, limits_at; char key[32], rest[56];
    } gw_contracts_2;
    typedef struct {
      int32_t id[8], secret[2][8];
      double until_time, secret_until[2];
      uint32_t secrets, application_at, application_bytes, first_limit, limits, name_at, name_bytes, rest[3];
    } gw_contract_2;
    typedef struct { uint32_t maximum, unused; double period; } gw_contract_limit_2;
  ]])
  shared = {}
  rawset(_G, "gatewright_contracts_2", shared)
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
  local memory, bytes = map(settings.contracts.folder .. "/head.2")
  book.looked_at = now
  if not memory then return end
  if bytes ~= HEAD_BYTES then unmap(memory, bytes) memory = nil end
  unmap(book.head_memory, HEAD_BYTES)
  book.head_memory = memory
  book.head = memory and ffi.cast("const gw_contracts_head_2 *", memory)
  if book.head and ffi.string(book.head.magic, 8) ~= "GWCONTH2" then book.head = nil end
end

-- Whether the file of this generation is there and whole; then it is the one that counts.
local function open(generation)
  local memory, bytes = map(("%s/%.0f.2"):format(settings.contracts.folder, generation))
  if not memory then return false end
  local size = ffi.sizeof("gw_contracts_2")
  local header = ffi.cast("const gw_contracts_2 *", memory)
  local is_whole = bytes >= size + END_BYTES and ffi.string(header.magic, 8) == "GWCONTR2"
  is_whole = is_whole and header.generation == generation and header.bytes == bytes
  local start = ffi.cast("const char *", memory)
  is_whole = is_whole and ffi.cast("const double *", start + bytes - END_BYTES)[0] == generation
  if not is_whole then unmap(memory, bytes) return false end
  unmap(book.memory, book.bytes)
  book.memory, book.bytes, book.known, book.start = memory, bytes, generation, start
  book.slots = ffi.cast("const uint32_t *", start + size)
  book.entries = ffi.cast("const gw_contract_2 *", start + header.entries_at)
  book.limits = ffi.cast("const gw_contract_limit_2 *", start + header.limits_at)
  book.mask, book.key = header.slots - 1, ffi.string(header.key, 32)
  book.young, book.old, book.count = {}, {}, 0
  return true
end

-- Takes the contracts that count now; an error where there are none that can be read. Returns the time.
local function refresh()
  local now = os.time()
  if book.looked_at ~= now or not book.head then look_for_head(now) end
  for _ = 1, MOST_TRIES do
    local generation = book.head and book.head.generation or 0
    if generation > 0 and (generation == book.known or open(generation)) then return now end
  end
  error("the contracts in " .. settings.contracts.folder .. " cannot be read", 0)
end

-- Looks at all of both, whatever differs.
local function is_digest(stored, words)
  local differs = 0
  for i = 0, 7 do differs = bit.bor(differs, bit.bxor(stored[i], words[i + 1])) end
  return differs == 0
end

local function entry_of(client)
  local words = sha256_words(book.key .. client)
  local at = bit.band(words[1], book.mask)
  for _ = 0, book.mask do
    local number = book.slots[at]
    if number == EMPTY then return nil end
    local entry = book.entries[number - 1]
    if is_digest(entry.id, words) then return entry end
    at = bit.band(at + 1, book.mask)
  end
end

local function limits_of(entry)
  local found = {}
  for i = 1, entry.limits do
    local limit = book.limits[entry.first_limit + i - 1]
    found[i] = { maximum = limit.maximum, period = limit.period }
  end
  return found
end

-- What was found once costs no digest again. Only what there is a contract of is kept, so no caller fills this.
local function remembered(client)
  local found = book.young[client] or book.old[client]
  if not found then
    local entry = entry_of(client)
    if not entry then return nil end
    found = { entry = entry, limits = limits_of(entry), secrets = entry.secrets, proven = {} }
    found.until_time = entry.until_time
    found.application = ffi.string(book.start + entry.application_at, entry.application_bytes)
    found.name = ffi.string(book.start + entry.name_at, entry.name_bytes)
    -- Where the label stands, and its length. No fields of their own: a Lua state may know the struct from before.
    if entry.rest[1] > 0 then found.label = ffi.string(book.start + entry.rest[0], entry.rest[1]) end
  end
  if not book.young[client] then
    if book.count >= MOST then book.old, book.young, book.count = book.young, {}, 0 end
    book.young[client], book.count = found, book.count + 1
  end
  return found
end

local own_clients = settings.contracts.api .. "\0"

-- The client's contract with this API: {name, application, limits}; nil where there is none or it is over, and which
-- of both. It holds until the next is asked for.
local function contract_of(id)
  local now = refresh()
  local found = #id <= LONGEST and remembered(own_clients .. id) or nil
  if not found then return nil, "has no contract with this API" end
  if now >= found.until_time then return nil, "has a contract with this API that has expired" end
  return found
end

-- What the contract's requests are counted by.
local function label_of(contract) return contract.label or contract.application end

local function text_of(words)
  local parts = {}
  for i = 1, 8 do
    local word = words[i]
    for shift = 24, 0, -8 do parts[#parts + 1] = string.char(bit.band(bit.rshift(word, shift), 255)) end
  end
  return table.concat(parts)
end

-- The number of the contract's secret that this is. A right one is known again by being the same text.
local function number_of_secret(contract, secret)
  for i = 1, contract.secrets do
    if contract.proven[i] == secret then return i end
  end
  local words = sha256_words(book.key .. text_of(sha256_words(secret)))
  local number
  for i = contract.secrets, 1, -1 do
    if is_digest(contract.entry.secret[i - 1], words) then number = i end
  end
  if number then contract.proven[number] = secret end
  return number
end

-- Whether the secret is one of the contract; false and why where it is not, or no longer.
local function is_secret(contract, secret)
  if contract.secrets == 0 then return false, "the contract of " .. contract.application .. " has none" end
  local number = #secret <= LONGEST and number_of_secret(contract, secret)
  if not number then return false, "it is not that of " .. contract.application end
  if os.time() >= contract.entry.secret_until[number - 1] then
    return false, "that of " .. contract.application .. " has expired"
  end
  return true
end
