-- Undoes gzip and deflate (RFC 1950 to 1952). inflated(text, coding, most) is what was compressed, at most so many bytes;
-- else nil and SIZE or MALFORMED. One step forward for each bit; codes are told from how many there are of each length,
-- since a table of all of them would cost more to make than callers pay for a block that needs one.

local inflated
do
  local ffi = require("ffi")
  local band, bor, bxor, lshift, rshift, tobit = bit.band, bit.bor, bit.bxor, bit.lshift, bit.rshift, bit.tobit
  local SIZE, MALFORMED = "size", "malformed"
  local LONGEST_CODE, LEAST_ROOM = 15, 4096
  local LENGTHS = ffi.new("uint16_t[29]", { 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67,
    83, 99, 115, 131, 163, 195, 227, 258 })
  local LENGTH_BITS = ffi.new("uint8_t[29]", { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5,
    5, 5, 5, 0 })
  local DISTANCES = ffi.new("uint16_t[30]", { 1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513,
    769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577 })
  local DISTANCE_BITS = ffi.new("uint8_t[30]", { 0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10,
    11, 11, 12, 12, 13, 13 })
  local ORDER = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 }

  local bytes, size, at, hold, held
  local out, written, room, most

  local function wrong() error(MALFORMED, 0) end

  local function byte()
    if at >= size then wrong() end
    at = at + 1
    return bytes[at - 1]
  end

  local function bits(count)
    while held < count do
      hold, held = bor(hold, lshift(byte(), held)), held + 8
    end
    local value = band(hold, lshift(1, count) - 1)
    hold, held = rshift(hold, count), held - count
    return value
  end

  -- Room for so many bytes more.
  local function need(count)
    local wanted = written + count
    if wanted <= room then return end
    if wanted > most then error(SIZE, 0) end
    room = math.min(most, math.max(2 * room, wanted))
    local larger = ffi.new("uint8_t[?]", room)
    ffi.copy(larger, out, written)
    out = larger
  end

  -- A code: how many symbols have each length, and the symbols in the order of their codes.
  local function code() return { counts = ffi.new("uint16_t[16]"), symbols = ffi.new("uint16_t[288]") } end

  local lengths, offsets = ffi.new("uint8_t[320]"), ffi.new("uint16_t[16]")

  -- Makes it of the lengths from a place on; how many codes are left over.
  local function make(it, from, count)
    local counts, symbols = it.counts, it.symbols
    ffi.fill(counts, 32)
    for i = from, from + count - 1 do counts[lengths[i]] = counts[lengths[i]] + 1 end
    local left = 1
    offsets[1] = 0
    for length = 1, LONGEST_CODE do
      left = 2 * left - counts[length]
      if left < 0 then wrong() end
      if length < LONGEST_CODE then offsets[length + 1] = offsets[length] + counts[length] end
    end
    for i = 0, count - 1 do
      local length = lengths[from + i]
      if length ~= 0 then
        symbols[offsets[length]] = i
        offsets[length] = offsets[length] + 1
      end
    end
    return left, count - counts[0]
  end

  local function symbol(it)
    local counts, value, first, index = it.counts, 0, 0, 0
    for length = 1, LONGEST_CODE do
      if held == 0 then hold, held = byte(), 8 end
      value = value + band(hold, 1)
      hold, held = rshift(hold, 1), held - 1
      local count = counts[length]
      if value < first + count then return it.symbols[index + value - first] end
      index, first, value = index + count, 2 * (first + count), 2 * value
    end
    wrong()
  end

  local function stored()
    hold, held = 0, 0
    local length = byte() + 256 * byte()
    if byte() + 256 * byte() ~= 65535 - length or length > size - at then wrong() end
    need(length)
    ffi.copy(out + written, bytes + at, length)
    at, written = at + length, written + length
  end

  local function coded(literals, distances)
    while true do
      local one = symbol(literals)
      if one < 256 then
        if written >= room then need(1) end
        out[written], written = one, written + 1
      elseif one == 256 then
        return
      else
        if one > 285 then wrong() end
        local length = LENGTHS[one - 257] + bits(LENGTH_BITS[one - 257])
        local step = symbol(distances)
        if step > 29 then wrong() end
        local back = DISTANCES[step] + bits(DISTANCE_BITS[step])
        if back > written then wrong() end
        need(length)
        for to = written, written + length - 1 do out[to] = out[to - back] end
        written = written + length
      end
    end
  end

  local literals, distances, usual_literals, usual_distances = code(), code()

  local function usual()
    if not usual_literals then
      usual_literals, usual_distances = code(), code()
      for i = 0, 287 do lengths[i] = i < 144 and 8 or i < 256 and 9 or i < 280 and 7 or 8 end
      make(usual_literals, 0, 288)
      for i = 0, 29 do lengths[i] = 5 end
      make(usual_distances, 0, 30)
    end
    coded(usual_literals, usual_distances)
  end

  -- Of literals and distances, one behind the other.
  local function read_lengths(count)
    local i = 0
    while i < count do
      local one = symbol(literals)
      if one < 16 then
        lengths[i], i = one, i + 1
      else
        if one == 16 and i == 0 then wrong() end
        local value = one == 16 and lengths[i - 1] or 0
        local times = one == 16 and 3 + bits(2) or one == 17 and 3 + bits(3) or 11 + bits(7)
        if i + times > count then wrong() end
        for k = i, i + times - 1 do lengths[k] = value end
        i = i + times
      end
    end
  end

  local function described()
    local many, far, short = bits(5) + 257, bits(5) + 1, bits(4) + 4
    if many > 286 or far > 30 then wrong() end
    ffi.fill(lengths, 19)
    for i = 1, short do lengths[ORDER[i]] = bits(3) end
    if make(literals, 0, 19) ~= 0 then wrong() end
    read_lengths(many + far)
    if lengths[256] == 0 then wrong() end
    local left, used = make(literals, 0, many)
    if left ~= 0 and used ~= 1 then wrong() end
    left, used = make(distances, many, far)
    if left ~= 0 and used > 1 then wrong() end
  end

  local function blocks()
    hold, held = 0, 0
    local is_last
    repeat
      is_last = bits(1) == 1
      local kind = bits(2)
      if kind == 0 then
        stored()
      elseif kind == 1 then
        usual()
      elseif kind == 2 then
        described()
        coded(literals, distances)
      else
        wrong()
      end
    until is_last
  end

  local remainders

  local function crc(from)
    if not remainders then
      remainders = ffi.new("int32_t[256]")
      for i = 0, 255 do
        local value = i
        for _ = 1, 8 do value = bxor(rshift(value, 1), band(-band(value, 1), 0xEDB88320)) end
        remainders[i] = value
      end
    end
    local value = -1
    for i = from, written - 1 do value = bxor(rshift(value, 8), remainders[band(bxor(value, out[i]), 255)]) end
    return bxor(value, -1)
  end

  local function little() return tobit(byte() + 256 * byte() + 65536 * byte() + 16777216 * byte()) end

  local function skip_text()
    repeat until byte() == 0
  end

  local function member()
    if byte() ~= 0x1F or byte() ~= 0x8B or byte() ~= 8 then wrong() end
    local flags = byte()
    if flags >= 32 then wrong() end
    for _ = 1, 6 do byte() end
    if band(flags, 4) ~= 0 then
      for _ = 1, byte() + 256 * byte() do byte() end
    end
    if band(flags, 8) ~= 0 then skip_text() end
    if band(flags, 16) ~= 0 then skip_text() end
    if band(flags, 2) ~= 0 then byte() byte() end
    local from = written
    blocks()
    if little() ~= crc(from) or little() ~= tobit(written - from) then wrong() end
  end

  local function gzip()
    repeat member() until at == size
  end

  local function zlib()
    local first, second = byte(), byte()
    if band(first, 15) ~= 8 or first >= 128 or (256 * first + second) % 31 ~= 0 or band(second, 32) ~= 0 then wrong() end
    blocks()
    local low, high = 1, 0
    for i = 0, written - 1 do
      low = low + out[i]
      if low >= 65521 then low = low - 65521 end
      high = high + low
      if high >= 65521 then high = high - 65521 end
    end
    if byte() * 256 + byte() ~= high or byte() * 256 + byte() ~= low or at ~= size then wrong() end
  end

  inflated = function(text, coding, limit)
    bytes, size, at = ffi.cast("const uint8_t *", text), #text, 0
    most, written, room = limit, 0, math.min(limit, math.max(LEAST_ROOM, 4 * #text))
    out = ffi.new("uint8_t[?]", room)
    local ok, why = pcall(coding == "deflate" and zlib or gzip)
    local found = ok and ffi.string(out, written)
    out, bytes = nil, nil
    if found then return found end
    if why ~= SIZE and why ~= MALFORMED then error(why, 0) end
    return nil, why
  end
end
