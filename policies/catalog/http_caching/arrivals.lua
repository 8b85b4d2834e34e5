-- What other replicas have kept; arrivals.py tells the layout of the file, which the agent alone writes. Needs shared.lua.
-- settings.arrivals: path, size, slots (where they begin), file (the number of our own file).

ffi.cdef([[
  typedef struct { char magic[8]; double done[2]; uint64_t is_ready; char rest[96]; } gw_arrivals_1;
  typedef struct {
    double number, stored, fresh_until, age;
    int32_t record[8];
    double place;
    uint32_t key, vary, head, body, status, open, strict, told;
    char rest[24];
  } gw_arrival_1;
]])

do

local BUCKETS, WAYS = 2048, 8
local there = settings.arrivals
-- `kept_mapped` keeps the mapping for as long as this Lua state lives.
local kept_mapped, tried_at, whole, header, slots

local function is_there()
  if not header then
    local now = os.time()
    if tried_at and now < tried_at + RETRY_SECONDS then return false end
    tried_at = now
    local ok, found = pcall(mapped, there.path, there.size)
    if not ok then return false end
    kept_mapped, whole = found, ffi.cast("char *", found)
    header = ffi.cast("gw_arrivals_1 *", whole)
    slots = ffi.cast("gw_arrival_1 *", whole + there.slots)
  end
  return header.is_ready == 1
end

local function is_of(slot, words, more)
  for i = 0, 3 do
    if slot.record[i + 4] ~= more[i + 1] or slot.record[i] ~= words[i + 1] then return false end
  end
  return true
end

-- The answer of a slot where it is for this request; nil, too, where the agent has changed it meanwhile: nothing is read
-- by sizes of which that may be true.
local function taken(slot, key, sent, number)
  local at, vary_length, head_length, body_length = whole + slot.place, slot.vary, slot.head, slot.body
  local one = {
    key = key, stored = slot.stored, fresh_until = slot.fresh_until, age = slot.age, status = slot.status,
    open = slot.open == 1, strict = slot.strict == 1, told = slot.told == 1, came = true,
  }
  if slot.key ~= #key or slot.number ~= number or ffi.string(at, #key) ~= key then return nil end
  one.vary = ffi.string(at + #key, vary_length)
  if not fits(one.vary, sent) then return nil end
  at = at + #key + vary_length
  one.head, one.body = ffi.string(at, head_length), ffi.string(at + head_length, body_length)
  return slot.number == number and one or nil
end

-- An answer that is fresh, and kept here from now on; nil where none came, or it was forgotten meanwhile.
function arrived(key, sent, now)
  if not is_there() then return nil end
  local words, more = record_of(key)
  local first = band(more[1], BUCKETS - 1) * WAYS
  for i = first, first + WAYS - 1 do
    local slot = slots[i]
    local number = slot.number
    if number ~= 0 and is_of(slot, words, more) then
      local era_now = era(key)
      local one = taken(slot, key, sent, number)
      if one and now < one.fresh_until and not is_forgotten_since(header.done[there.file], key) then
        one.era = era_now
        keep(one, sent)
        return one
      end
    end
  end
end

end
