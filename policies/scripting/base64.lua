-- Reads base64 (RFC 4648), with padding or without: unbase64(text) is nil for what is none.

local unbase64
do
  local ffi = require("ffi")
  local bor, lshift, rshift = bit.bor, bit.lshift, bit.rshift
  local NONE, EQUALS = 255, 61
  local six_bits = ffi.new("uint8_t[256]")
  ffi.fill(six_bits, 256, NONE)
  for i = 0, 63 do
    six_bits[("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"):byte(i + 1)] = i
  end

  local room, made = 0, nil

  -- Of the text without its padding.
  local function size_of(text)
    local size = #text
    for _ = 1, 2 do
      if text:byte(size) == EQUALS then size = size - 1 end
    end
    return size
  end

  unbase64 = function(text)
    local size = size_of(text)
    if size % 4 == 1 then return nil end
    if room < size then room, made = size, ffi.new("uint8_t[?]", size) end
    local bytes, count = ffi.cast("const uint8_t *", text), 0
    for at = 0, size - 1, 4 do
      local a, b = six_bits[bytes[at]], six_bits[bytes[at + 1]]
      local c = at + 2 < size and six_bits[bytes[at + 2]] or 0
      local d = at + 3 < size and six_bits[bytes[at + 3]] or 0
      if bor(a, b, c, d) > 63 then return nil end
      made[count] = bor(lshift(a, 2), rshift(b, 4))
      made[count + 1] = bor(lshift(b, 4), rshift(c, 2))
      made[count + 2] = bor(lshift(c, 6), d)
      count = count + 3
    end
    return ffi.string(made, math.floor(size * 3 / 4))
  end
end
