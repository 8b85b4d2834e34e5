-- Whether a text is UTF-8 (RFC 3629), and which encodings are read as it: what else the same bytes may be to a reader behind
-- the gateway was never looked at. Behind a byte that begins no character, readers go on at different places.

-- Encodings in which every byte below 128 is that character, and no other is written with it.
local function is_read_as_utf8(charset)
  charset = charset:lower()
  return charset == "utf-8" or charset == "utf8" or charset == "us-ascii" or charset == "ascii"
end

-- The first encoding of those that a media type says which is none of them.
local function other_charset(kind)
  for charset in kind:gmatch("charset%s*=%s*[\"']?([^%s;,\"']+)") do
    if not is_read_as_utf8(charset) then return charset end
  end
end

local is_utf8
do
  local ffi = require("ffi")
  local FOUR, BYTES = ffi.typeof("const int32_t *"), ffi.typeof("const uint8_t *")

  local function continues(bytes, i, size, low, high) return i < size and bytes[i] >= low and bytes[i] <= high end

  -- How many bytes the character has that begins here; nil where none does.
  local function width(bytes, i, size)
    local first = bytes[i]
    if first < 0x80 then return 1 end
    if first < 0xC2 or first > 0xF4 then return nil end
    local low = first == 0xE0 and 0xA0 or first == 0xF0 and 0x90 or 0x80
    local high = first == 0xED and 0x9F or first == 0xF4 and 0x8F or 0xBF
    if not continues(bytes, i + 1, size, low, high) then return nil end
    if first < 0xE0 then return 2 end
    if not continues(bytes, i + 2, size, 0x80, 0xBF) then return nil end
    if first < 0xF0 then return 3 end
    return continues(bytes, i + 3, size, 0x80, 0xBF) and 4 or nil
  end

  is_utf8 = function(text)
    local bytes, size, i = ffi.cast(BYTES, text), #text, 0
    while i < size do
      if i + 4 <= size and bit.band(ffi.cast(FOUR, bytes + i)[0], 0x80808080) == 0 then
        i = i + 4
      else
        local more = width(bytes, i, size)
        if not more then return false end
        i = i + more
      end
    end
    return true
  end
end
