-- Answers that are kept in the file of file.lua: found, kept, forgotten.
-- Where replicas share what they forget, shared.lua follows.

local BLOCK, STEP, MOST_VARIANTS = 4096, 256, 16
local MOST_KEY, MOST_KNOWN, MOST_KNOWN_BYTES = 3072, 128, 16384

local function bucket_of(low) return band(low, place.bucket_count - 1) end

-- All of the following run under the lock. --

local function unchained(at, entry)
  local place_of = bucket_of(entry.low)
  if buckets[place_of] == at then
    buckets[place_of] = entry.next
    return
  end
  local before = buckets[place_of]
  while entries[before].next ~= at do before = entries[before].next end
  entries[before].next = entry.next
end

local function freed(first)
  local last, count = first, 1
  while nexts[last] ~= 0 do last, count = nexts[last], count + 1 end
  nexts[last] = store.free_block
  store.free_block = first
  return count
end

local function removed(at)
  local entry = entries[at]
  local owner = owners[entry.owner]
  unchained(at, entry)
  if entry.older ~= 0 then entries[entry.older].newer = entry.newer else owner.oldest = entry.newer end
  if entry.newer ~= 0 then entries[entry.newer].older = entry.older else owner.newest = entry.older end
  owner.blocks = owner.blocks - freed(entry.first)
  owner.entries = owner.entries - 1
  entry.number, entry.next = 0, store.free_entry
  store.free_entry = at
end

-- Makes room: the cache that has the most gives its oldest answer. False where there is nothing to give.
local function given_up()
  local most
  for i = 0, place.owner_count - 1 do
    if owners[i].entries > 0 and (not most or owners[i].blocks > owners[most].blocks) then most = i end
  end
  if not most then return false end
  removed(owners[most].oldest)
  return true
end

-- Where our cache is told of: its own place, else a free one, else that of the cache that nobody has used longest.
local function own()
  if own_number then
    local owner = owners[own_number]
    if owner.high == own_high and owner.low == own_low then return owner end
  end
  local free
  for i = 0, place.owner_count - 1 do
    local owner = owners[i]
    if owner.high == own_high and owner.low == own_low then
      own_number = i
      return owner
    end
    if not free or owner.used < owners[free].used then free = i end
  end
  local owner = owners[free]
  while owner.entries > 0 do removed(owner.oldest) end
  ffi.fill(owner, ffi.sizeof("gw_cache_3"))
  owner.high, owner.low = own_high, own_low
  own_number = free
  if owned then owned(owner) end
  return owner
end

local function block()
  local found = store.free_block
  if found ~= 0 then
    store.free_block = nexts[found]
    return found
  end
  if store.blocks_made >= store.blocks_reserved then
    local many = math.min(STEP, store.limit - store.blocks_reserved)
    if many <= 0 then return nil end
    if not reserved(place.data + store.blocks_reserved * BLOCK, many * BLOCK) then
      store.limit = store.blocks_reserved
      return nil
    end
    store.blocks_reserved = store.blocks_reserved + many
  end
  store.blocks_made = store.blocks_made + 1
  return store.blocks_made
end

-- So many blocks, one after the other; 0 where they cannot be had.
local function blocks(count)
  local first = 0
  while count > 0 do
    local found = block()
    if found then
      nexts[found] = first
      first, count = found, count - 1
    elseif not given_up() then
      if first ~= 0 then freed(first) end
      return 0
    end
  end
  return first
end

local function entry_number()
  if store.free_entry == 0 and store.entries_made >= store.entries and not given_up() then return 0 end
  local at = store.free_entry
  if at ~= 0 then
    store.free_entry = entries[at].next
    return at
  end
  store.entries_made = store.entries_made + 1
  return store.entries_made
end

local function read(entry, from, length)
  local at, parts = entry.first, {}
  while from >= BLOCK do at, from = nexts[at], from - BLOCK end
  while length > 0 do
    local many = math.min(length, BLOCK - from)
    parts[#parts + 1] = ffi.string(data + (at - 1) * BLOCK + from, many)
    at, from, length = nexts[at], 0, length - many
  end
  return parts[2] and table.concat(parts) or parts[1] or ""
end

local function written(first, texts)
  local at, from = first, 0
  for i = 1, #texts do
    local source, left = ffi.cast("const char *", texts[i]), #texts[i]
    while left > 0 do
      if from == BLOCK then at, from = nexts[at], 0 end
      local many = math.min(left, BLOCK - from)
      ffi.copy(data + (at - 1) * BLOCK + from, source, many)
      source, left, from = source + many, left - many, from + many
    end
  end
end

local function fits(vary, sent)
  for name, value in vary:gmatch("([^\n]*)\n([^\n]*)\n") do
    if (sent(name) or "\1") ~= value then return false end
  end
  return true
end

-- Whether the request is for this variant: it says the same in all headers that the answer depends on.
local function is_variant(entry, sent)
  return entry.vary == 0 or fits(read(entry, entry.key, entry.vary), sent)
end

local function is_of_key(entry, high, low, key)
  return entry.high == high and entry.low == low and entry.owner == own_number and entry.key == #key
    and ffi.C.memcmp(data + (entry.first - 1) * BLOCK, key, #key) == 0
end

local function found_entry(high, low, key, sent, valid_from)
  local at = buckets[bucket_of(low)]
  while at ~= 0 do
    local entry = entries[at]
    if is_of_key(entry, high, low, key) and entry.number >= valid_from and is_variant(entry, sent) then return at end
    at = entry.next
  end
end

local function looked_up(key, sent, now, back, any)
  local owner = own()
  owner.used = now
  local high, low = hashed(key)
  local at = found_entry(high, low, key, sent, any and 0 or owner.valid_from)
  if not at then return nil end
  local entry = entries[at]
  local head_at = entry.key + entry.vary
  local is_wanted = any or now - back < entry.fresh_until
  return {
    at = at, number = entry.number, vary = read(entry, entry.key, entry.vary),
    stored = entry.stored, fresh_until = entry.fresh_until, age = entry.age, status = entry.status,
    open = entry.open == 1, strict = entry.strict == 1, told = entry.told == 1,
    head = read(entry, head_at, entry.head),
    body = is_wanted and read(entry, head_at + entry.head, entry.body),
  }
end

-- Variants of the key: the one that is to be replaced goes, and the oldest where there are too many.
local function made_way(high, low, key, sent)
  local at, count, last = buckets[bucket_of(low)], 0, nil
  while at ~= 0 do
    local entry = entries[at]
    local next_one = entry.next
    if is_of_key(entry, high, low, key) then
      if is_variant(entry, sent) then
        removed(at)
      else
        count, last = count + 1, at
      end
    end
    at = next_one
  end
  if count >= MOST_VARIANTS then removed(last) end
end

local function filled(at, high, low, first, one)
  local entry = entries[at]
  store.number = store.number + 1
  entry.number, entry.stored, entry.fresh_until, entry.age = store.number, one.stored, one.fresh_until, one.age
  entry.high, entry.low, entry.first, entry.owner = high, low, first, own_number
  entry.key, entry.vary, entry.head, entry.body = #one.key, #one.vary, #one.head, #one.body
  entry.status, entry.open = one.status, one.open and 1 or 0
  entry.strict, entry.told = one.strict and 1 or 0, one.told and 1 or 0
  return entry
end

-- Changes with each invalidation that may be of this key.
local function era_of(owner, low) return owner.valid_from .. " " .. store.forgotten[band(low, 511)] end

-- False too where it was invalidated since the upstream was asked: it may be what was there before.
local function stored(one, sent)
  local owner = own()
  local high, low = hashed(one.key)
  if one.era ~= era_of(owner, low) then return false end
  made_way(high, low, one.key, sent)
  while owner.entries >= settings.most do removed(owner.oldest) end
  local texts = { one.key, one.vary, one.head, one.body }
  local count = math.ceil((#one.key + #one.vary + #one.head + #one.body) / BLOCK)
  local first = blocks(count)
  if first == 0 then return false end
  written(first, texts)
  local at = entry_number()
  if at == 0 then
    freed(first)
    return false
  end
  local entry = filled(at, high, low, first, one)
  entry.next = buckets[bucket_of(low)]
  buckets[bucket_of(low)] = at
  entry.older, entry.newer = owner.newest, 0
  if owner.newest ~= 0 then entries[owner.newest].newer = at else owner.oldest = at end
  owner.newest, owner.entries, owner.blocks, owner.used = at, owner.entries + 1, owner.blocks + count, one.stored
  if noted then noted(at, entry, one) end
  return true
end

-- The number of a cache's place; nil where it has none.
local function owner_of(high, low)
  for i = 0, place.owner_count - 1 do
    if owners[i].high == high and owners[i].low == low then return i end
  end
end

-- Of keys with this hash; `key` where it is known. What of it is asked for meanwhile is not kept.
local function forgot_hashed(owner, high, low, key)
  local mark = band(low, 511)
  store.forgotten[mark] = store.forgotten[mark] + 1
  local at = buckets[bucket_of(low)]
  while at ~= 0 do
    local entry = entries[at]
    local next_one = entry.next
    local is_meant = entry.high == high and entry.low == low and entry.owner == owner
    if is_meant and (not key or is_of_key(entry, high, low, key)) then removed(at) end
    at = next_one
  end
end

local function forgot(key)
  own()
  local high, low = hashed(key)
  forgot_hashed(own_number, high, low, key)
  if tell then tell(key) end
  return true
end

-- What is there stays until its room is needed, and is never used again.
local function forgot_all()
  store.number = store.number + 1
  own().valid_from = store.number + 1
  if tell then tell() end
  return true
end

-- Outside of it. --

-- What was read lately, by key. It still stands there where its entry has the same number, which no second one gets.
local young, old, count = {}, {}, 0

local function known(key, sent)
  local one = young[key] or old[key]
  if not one or entries[one.at].number ~= one.number or owners[own_number].valid_from > one.number then return nil end
  return (one.vary == "" or fits(one.vary, sent)) and one or nil
end

local function learnt(key, one)
  if not one or not one.body or #one.body + #one.head > MOST_KNOWN_BYTES then return one end
  if count >= MOST_KNOWN then old, young, count = young, {}, 0 end
  young[key], count = one, count + 1
  return one
end

-- For the other files. --

-- The answer for this key that fits what `sent(name)` says of the request's headers: its head, and its body where it
-- was fresh `back` ms ago.
local function find(key, sent, now, back)
  if is_behind and is_behind() then locked(function() end) end
  local one = known(key, sent) or learnt(key, locked(looked_up, key, sent, now, back, false))
  if arrived and not (one and now < one.fresh_until) then return arrived(key, sent, now) or one end
  return one
end

-- The same, whole, fresh or not, and invalidated meanwhile or not.
local function find_any(key, sent, now) return locked(looked_up, key, sent, now, 0, true) end

-- What `keep` is to be told of a key that the upstream is about to be asked for.
local function era(key)
  if not own_number then return "" end
  local _, low = hashed(key)
  return era_of(owners[own_number], low)
end

-- Keeps an answer: {key, era, vary, head, body, stored, fresh_until, age, status, came (another replica kept it first),
-- open (it is for all), strict (never used when stale), told (it says itself how long)}.
local function keep(one, sent) return locked(stored, one, sent) end

local function forget(key) return locked(forgot, key) end
local function forget_all() return locked(forgot_all) end
