-- Asks the authorizer about a credential, or the memory of its answers; question.py tells what for, memory.py
-- how the file lies. settings: ask ({question, cluster, timeout_ms, told, memory}).

local ffi = require("ffi")
local bxor, rol, tohex = bit.bxor, bit.rol, bit.tohex

ffi.cdef([[
  void *mmap(void *address, size_t length, int protection, int flags, int descriptor, long offset);
  int munmap(void *address, size_t length);
  int open(const char *path, int flags, ...);
  int close(int descriptor);
  int pthread_mutex_lock(void *mutex);
  int pthread_mutex_unlock(void *mutex);
  int pthread_mutex_consistent(void *mutex);
  int gw_answers_clock(int clock, void *time) __asm__("clock_gettime");
]])
-- A Lua state outlives a change of this file: another layout needs other names.
ffi.cdef([[
  typedef struct { int32_t digest[4]; double over; uint32_t length, rest; } gw_answers_entry_1;
]])

local READ_WRITE, CLOSE_ON_EXEC, MAP_SHARED, BOOTTIME, OWNER_DIED = 2, 0x80000, 1, 7, 130
local MOST_DECODED, LONGEST, RETRY_SECONDS = 500, 65536, 1
local NAMESPACE, MOST_WORDS = "gatewright.answers", LONGEST / 8 + 1

-- All scripts of a Lua state share the mapping, and what they have read: `ffi` is one table for all of them.
ffi.gw_answers_1 = ffi.gw_answers_1 or { young = {}, old = {}, count = 0 }
local shared = ffi.gw_answers_1

local function map(place)
  local now = os.time()
  if shared.tried and now < shared.tried + RETRY_SECONDS then return false end
  shared.tried = now
  local descriptor = ffi.C.open(place.path, READ_WRITE + CLOSE_ON_EXEC)
  if descriptor < 0 then return false end
  local address = ffi.C.mmap(nil, place.size, 3, MAP_SHARED, descriptor, 0)
  ffi.C.close(descriptor)
  if tonumber(ffi.cast("intptr_t", address)) == -1 then return false end
  shared.memory = ffi.gc(ffi.cast("char *", address), function(mapped) ffi.C.munmap(mapped, place.size) end)
  return true
end

local v = ffi.new("uint64_t[4]")

-- Without a loop in it, which would be compiled for itself, and by every turn of which numbers were made.
local function two_rounds()
  local v0, v1, v2, v3 = v[0], v[1], v[2], v[3]
  v0, v2 = v0 + v1, v2 + v3
  v1, v3 = bxor(rol(v1, 13), v0), bxor(rol(v3, 16), v2)
  v0 = rol(v0, 32)
  v2, v0 = v2 + v1, v0 + v3
  v1, v3 = bxor(rol(v1, 17), v2), bxor(rol(v3, 21), v0)
  v2 = rol(v2, 32)
  v0, v2 = v0 + v1, v2 + v3
  v1, v3 = bxor(rol(v1, 13), v0), bxor(rol(v3, 16), v2)
  v0 = rol(v0, 32)
  v2, v0 = v2 + v1, v0 + v3
  v1, v3 = bxor(rol(v1, 17), v2), bxor(rol(v3, 21), v0)
  v[0], v[1], v[2], v[3] = v0, v1, rol(v2, 32), v3
end

local words = ffi.new("uint64_t[?]", MOST_WORDS)
local made = ffi.new("uint64_t[2]")
local parts = ffi.cast("const int32_t *", made)

-- SipHash-2-4 of 128 bits: two numbers of 64, as the key is.
local function digest(key, text)
  local length = #text
  local whole = (length - length % 8) / 8
  words[whole] = 0
  ffi.copy(words, text, length)
  words[whole] = bit.bor(words[whole], bit.lshift(ffi.cast("uint64_t", length), 56))
  v[0] = bxor(0x736f6d6570736575ULL, key[0])
  v[1] = bxor(0x646f72616e646f6dULL, key[1], 0xeeULL)
  v[2] = bxor(0x6c7967656e657261ULL, key[0])
  v[3] = bxor(0x7465646279746573ULL, key[1])
  for i = 0, whole do
    local word = words[i]
    v[3] = bxor(v[3], word)
    two_rounds()
    v[0] = bxor(v[0], word)
  end
  v[2] = bxor(v[2], 0xeeULL)
  two_rounds()
  two_rounds()
  local first = bxor(v[0], v[1], v[2], v[3])
  v[1] = bxor(v[1], 0xddULL)
  two_rounds()
  two_rounds()
  return first, bxor(v[0], v[1], v[2], v[3])
end

local key

-- A question's own: the same credential has nothing in common where another question is about it.
local function made_key()
  if key then return key end
  local secret = ffi.cast("const uint64_t *", shared.memory + 16)
  key = ffi.new("uint64_t[2]")
  key[0], key[1] = digest(secret, settings.ask.question)
  return key
end

local time = ffi.new("long[2]")

local function now_ms()
  ffi.C.gw_answers_clock(BOOTTIME, time)
  return tonumber(time[0]) * 1000 + tonumber(time[1]) / 1e6
end

local function copied(bucket, number, a, b, c, d)
  local place = settings.ask.memory
  local numbers = ffi.cast("const int32_t *", bucket + 128)
  for i = 0, place.ways - 1 do
    local at = i * 8
    if numbers[at] == a and numbers[at + 1] == b and numbers[at + 2] == c and numbers[at + 3] == d then
      local entry = ffi.cast("const gw_answers_entry_1 *", numbers + at)
      if entry.over <= now_ms() or entry.length > place.cell then return nil end
      local cell = shared.memory + place.cells + (number * place.ways + i) * place.cell
      return ffi.string(cell, entry.length)
    end
  end
end

-- The text that is remembered under this digest, or nil.
local function remembered(a, b, c, d)
  local place = settings.ask.memory
  local number = bit.band(a, place.buckets - 1)
  local bucket = shared.memory + place.index + number * place.bucket
  local locked = ffi.C.pthread_mutex_lock(bucket)
  if locked == OWNER_DIED then
    ffi.C.pthread_mutex_consistent(bucket)
  elseif locked ~= 0 then
    return nil
  end
  local known, text = pcall(copied, bucket, number, a, b, c, d)
  ffi.C.pthread_mutex_unlock(bucket)
  return known and text or nil
end

local read

local function read_all(text, at, ends)
  local found, number = {}, 0
  while text:byte(at) ~= ends do
    local one
    if ends == 125 then
      local name
      name, at = read(text, at)
      one, at = read(text, at)
      found[name] = one
    else
      number = number + 1
      found[number], at = read(text, at)
    end
  end
  return found, at + 1
end

-- The value that begins here, and where the next one does.
function read(text, at)
  local kind = text:byte(at)
  if kind == 115 then
    local length, from = text:match("^(%d+):()", at + 1)
    return text:sub(from, from + length - 1), from + length
  elseif kind == 110 then
    local number, after = text:match("^([^;]+);()", at + 1)
    return tonumber(number), after
  elseif kind == 123 then
    return read_all(text, at + 1, 125)
  elseif kind == 91 then
    return read_all(text, at + 1, 93)
  elseif kind == 116 or kind == 102 then
    return kind == 116, at + 1
  end
  assert(kind == 122, "an answer cannot be read")
  return nil, at + 1
end

-- What the text says. It is the same table for all who ask: nobody changes it.
local function decoded(text)
  -- One that memory has no room for is asked for each time: kept here, they would be as much as callers like.
  if #text > settings.ask.memory.cell then return (read(text, 1)) end
  local found = shared.young[text]
  if found then return found end
  found = shared.old[text] or read(text, 1)
  if shared.count >= MOST_DECODED then shared.old, shared.young, shared.count = shared.young, {}, 0 end
  shared.young[text], shared.count = found, shared.count + 1
  return found
end

local function hexadecimal(a, b, c, d)
  return tohex(b) .. tohex(a) .. tohex(d) .. tohex(c)
end

-- The authorizer's word; nil and the reason without one. Other requests run meanwhile.
local function asked(handle, credential, name)
  local headers, text = handle:httpCall(settings.ask.cluster, {
    [":method"] = "POST",
    [":path"] = "/" .. settings.ask.question,
    [":authority"] = "authorizer",
    ["x-digest"] = name,
    ["x-caller"] = handle:streamInfo():downstreamRemoteAddress(),
  }, credential, settings.ask.timeout_ms)
  if headers[":status"] ~= "200" or headers["x-gatewright-answer"] ~= "1" or not text then
    return nil, "authorizer: the gateway's own authorizer does not answer"
  end
  return text
end

-- What the network says of the credential: a table, as the policy's ask.py made it; nil and the reason where it
-- says nothing. Whoever tells later policies finds it with `answered`. `unsound`, if there is one, says of a credential
-- that is not remembered why it is not to be asked about: that is the third of what is given then.
local function ask(handle, credential, unsound)
  if credential == "" or #credential > LONGEST then return nil, "credential: it is too long to be asked about" end
  local text, name, why
  if shared.memory or map(settings.ask.memory) then
    made[0], made[1] = digest(made_key(), credential)
    -- Numbers of 64 bits are objects to compare.
    local a, b, c, d = parts[0], parts[1], parts[2], parts[3]
    text = remembered(a, b, c, d)
    name = not text and hexadecimal(a, b, c, d) or ""
  end
  if not text then
    local wrong = unsound and unsound(credential)
    if wrong then return nil, nil, wrong end
    text, why = asked(handle, credential, name or "")
    if not text then return nil, why end
  end
  local told = decoded(text)
  if told.unanswered then return nil, told.unanswered end
  handle:streamInfo():dynamicMetadata():set(NAMESPACE, settings.ask.told, text)
  return told
end
