-- Shares with other replicas what is forgotten; shared.py tells how. Needs store.lua and sha256_words.

ffi.cdef([[
  typedef struct {
    double out_count, out_lost, in_done, all_done, in_count, all_count, out_told, lost_told;
    uint32_t is_shared;
    char spare[28];
    double note_count;
    char rest[24];
    int32_t out[4096][8];
    int32_t in_[4096][8];
    struct { double number; int32_t record[8]; uint32_t at; char rest[20]; } notes[1024];
  } gw_forgotten_2;
]])

-- A block: a chunk has 200 locals at most, and the files before and behind have most of them.
do

local RECORDS = place.told_records
local NO_KEY = { 0, 0, 0, 0 }
local ledger, own_words, last_key, last_words
local bytes = ffi.new("int32_t[4]")

-- The same in all replicas, and nothing that would tell the key.
local function words_of(key)
  if key ~= last_key then last_key, last_words = key, sha256_words(key) end
  return last_words
end

local function hash_of_words(words, from)
  for i = 0, 3 do bytes[i] = words[from + i] end
  return hash(ffi.string(bytes, 16))
end

function hashed(key) return hash_of_words(words_of(key), 1) end

function mapped_now()
  ledger = ffi.cast("gw_forgotten_2 *", memory + place.told)
  own_words = sha256_words(settings.cache)
end

function owned(owner)
  owner.is_shared, ledger.is_shared = 1, 1
end

-- Under the lock: others are to forget this key, or all of this cache.
function tell(key)
  local at = ledger.out_count
  if at - ledger.out_told >= RECORDS then
    ledger.out_lost = ledger.out_lost + 1
    return
  end
  local record, words = ledger.out[at % RECORDS], key and words_of(key) or NO_KEY
  for i = 0, 3 do record[i], record[i + 4] = own_words[i + 1], words[i + 1] end
  ledger.out_count = at + 1
end

-- Under the lock: others may have this answer. What this replica has from them is none of its own.
function noted(at, entry, one)
  if one.came or not settings.arrivals then return end
  local note, words = ledger.notes[ledger.note_count % 1024], words_of(one.key)
  note.number, note.at = entry.number, at
  for i = 0, 3 do note.record[i], note.record[i + 4] = own_words[i + 1], words[i + 1] end
  ledger.note_count = ledger.note_count + 1
end

-- Whether a record names this key, or all keys of this cache.
local function is_of(record, words)
  local is_of_all = record[4] == 0 and record[5] == 0 and record[6] == 0 and record[7] == 0
  for i = 0, 3 do
    if record[i] ~= own_words[i + 1] then return false end
    if not is_of_all and record[i + 4] ~= words[i + 1] then return false end
  end
  return true
end

-- Whether this replica has forgotten the key since the number `from` of what it has told.
function is_forgotten_since(from, key)
  local last, words = ledger.out_count, words_of(key)
  if ledger.out_lost ~= ledger.lost_told or last - from > RECORDS then return true end
  for at = from, last - 1 do
    if is_of(ledger.out[at % RECORDS], words) then return true end
  end
  return false
end

function record_of(key) return own_words, words_of(key) end

function is_behind()
  return ledger ~= nil and (ledger.in_done ~= ledger.in_count or ledger.all_done ~= ledger.all_count)
end

local function forgot_everything()
  store.number = store.number + 1
  for i = 0, place.owner_count - 1 do
    if owners[i].is_shared == 1 then owners[i].valid_from = store.number + 1 end
  end
end

local function forgot_record(record)
  local owner = owner_of(hash_of_words(record, 0))
  if record[4] == 0 and record[5] == 0 and record[6] == 0 and record[7] == 0 then
    store.number = store.number + 1
    if owner then owners[owner].valid_from = store.number + 1 end
    return
  end
  forgot_hashed(owner, hash_of_words(record, 4))
end

-- Under the lock: what others have forgotten is forgotten here too.
function catch_up()
  if not is_behind() then return end
  if ledger.all_done ~= ledger.all_count then
    ledger.all_done = ledger.all_count
    forgot_everything()
  end
  local last = ledger.in_count
  for at = ledger.in_done, last - 1 do forgot_record(ledger.in_[at % RECORDS]) end
  ledger.in_done = last
end

end
