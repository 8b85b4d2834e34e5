-- Characters of XML as UTF-8 writes them: utf8(code) gives one, is_sound(bytes, size) tells whether all are, and whether
-- there are bytes below 32 that are neither tabs nor ends of lines.

local utf8, is_sound
do
  local char, floor, band, bor = string.char, math.floor, bit.band, bit.bor
  local FOUR = ffi.typeof("const int32_t *")

  utf8 = function(code)
    if code < 0x80 then return char(code) end
    if code < 0x800 then return char(0xC0 + floor(code / 64), 0x80 + code % 64) end
    local last, middle = 0x80 + code % 64, 0x80 + floor(code / 64) % 64
    if code < 0x10000 then return char(0xE0 + floor(code / 4096), middle, last) end
    return char(0xF0 + floor(code / 262144), 0x80 + floor(code / 4096) % 64, middle, last)
  end

  local function follows(bytes, i, size, low, high) return i < size and bytes[i] >= low and bytes[i] <= high end

  -- Of the character that begins here; nil for what is none that XML knows. Bytes that can be in none are refused
  -- where they stand.
  local function length_at(bytes, i, size)
    local first = bytes[i]
    if first < 0x80 then return 1 end
    if first >= 0xC2 and first <= 0xDF then return follows(bytes, i + 1, size, 0x80, 0xBF) and 2 or nil end
    if first >= 0xE0 and first <= 0xEF then
      local low, high = first == 0xE0 and 0xA0 or 0x80, first == 0xED and 0x9F or 0xBF
      if not follows(bytes, i + 1, size, low, high) or not follows(bytes, i + 2, size, 0x80, 0xBF) then return nil end
      return (first ~= 0xEF or bytes[i + 1] ~= 0xBF or bytes[i + 2] < 0xBE) and 3 or nil
    end
    local low, high = first == 0xF0 and 0x90 or 0x80, first == 0xF4 and 0x8F or 0xBF
    if first < 0xF0 or first > 0xF4 or not follows(bytes, i + 1, size, low, high) then return nil end
    return follows(bytes, i + 2, size, 0x80, 0xBF) and follows(bytes, i + 3, size, 0x80, 0xBF) and 4 or nil
  end

  -- Whether it is UTF-8 whose every character XML knows; control characters are told apart.
  is_sound = function(bytes, size)
    local i, has_controls = 0, false
    while i < size do
      local four = i + 4 <= size and ffi.cast(FOUR, bytes + i)[0] or -1
      -- No byte of them is above 127, and none below 32: the difference of one would be.
      if band(bor(four, four - 0x20202020), 0x80808080) == 0 then
        i = i + 4
      else
        local length = length_at(bytes, i, size)
        if not length then return false end
        local first = bytes[i]
        if first < 32 and first ~= 9 and first ~= 10 then has_controls = true end
        i = i + length
      end
    end
    return true, has_controls
  end
end
