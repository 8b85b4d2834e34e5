-- SHA-256 (FIPS 180-4): sha256(text) is its digest as 64 hexadecimal digits, sha256_words(text) as eight numbers,
-- sha256_bytes(text, after) as 32 bytes; `after` is what sha256_after(block) gave of the 64 bytes before the text.

local sha256, sha256_words, sha256_bytes, sha256_after, is_same
do
  local ffi = require("ffi")
  local band, bor, bswap, bxor, ror, rshift, tobit = bit.band, bit.bor, bit.bswap, bit.bxor, bit.ror, bit.rshift, bit.tobit

  -- The first 32 bits of the fractional parts of the roots of the first primes.
  local function fractions(root, many)
    local found, number = {}, 2
    while #found < many do
      local is_prime = true
      for divisor = 2, math.floor(math.sqrt(number)) do
        if number % divisor == 0 then is_prime = false break end
      end
      if is_prime then
        local part = number ^ (1 / root) % 1
        found[#found + 1] = tobit(math.floor(part * 2 ^ 32))
      end
      number = number + 1
    end
    return found
  end

  local K, START = ffi.new("int32_t[64]", fractions(3, 64)), ffi.new("int32_t[8]", fractions(2, 8))
  local w, state, tail = ffi.new("int32_t[64]"), ffi.new("int32_t[8]"), ffi.new("uint8_t[128]")
  local tail_words = ffi.cast("int32_t *", tail)

  -- Eight rounds a turn: after those each variable has its own place again.
  local function block(words)
    for i = 0, 15 do w[i] = bswap(words[i]) end
    for i = 16, 63 do
      local x, y = w[i - 15], w[i - 2]
      local s0 = bxor(ror(x, 7), ror(x, 18), rshift(x, 3))
      local s1 = bxor(ror(y, 17), ror(y, 19), rshift(y, 10))
      w[i] = tobit(w[i - 16] + s0 + w[i - 7] + s1)
    end
    local a, b, c, d, e, f, g, h = state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7]
    for i = 0, 56, 8 do
      local t
      t = tobit(h + bxor(ror(e, 6), ror(e, 11), ror(e, 25)) + bxor(g, band(e, bxor(f, g))) + K[i] + w[i])
      d, h = tobit(d + t), tobit(t + bxor(ror(a, 2), ror(a, 13), ror(a, 22)) + bxor(band(a, b), band(c, bxor(a, b))))
      t = tobit(g + bxor(ror(d, 6), ror(d, 11), ror(d, 25)) + bxor(f, band(d, bxor(e, f))) + K[i + 1] + w[i + 1])
      c, g = tobit(c + t), tobit(t + bxor(ror(h, 2), ror(h, 13), ror(h, 22)) + bxor(band(h, a), band(b, bxor(h, a))))
      t = tobit(f + bxor(ror(c, 6), ror(c, 11), ror(c, 25)) + bxor(e, band(c, bxor(d, e))) + K[i + 2] + w[i + 2])
      b, f = tobit(b + t), tobit(t + bxor(ror(g, 2), ror(g, 13), ror(g, 22)) + bxor(band(g, h), band(a, bxor(g, h))))
      t = tobit(e + bxor(ror(b, 6), ror(b, 11), ror(b, 25)) + bxor(d, band(b, bxor(c, d))) + K[i + 3] + w[i + 3])
      a, e = tobit(a + t), tobit(t + bxor(ror(f, 2), ror(f, 13), ror(f, 22)) + bxor(band(f, g), band(h, bxor(f, g))))
      t = tobit(d + bxor(ror(a, 6), ror(a, 11), ror(a, 25)) + bxor(c, band(a, bxor(b, c))) + K[i + 4] + w[i + 4])
      h, d = tobit(h + t), tobit(t + bxor(ror(e, 2), ror(e, 13), ror(e, 22)) + bxor(band(e, f), band(g, bxor(e, f))))
      t = tobit(c + bxor(ror(h, 6), ror(h, 11), ror(h, 25)) + bxor(b, band(h, bxor(a, b))) + K[i + 5] + w[i + 5])
      g, c = tobit(g + t), tobit(t + bxor(ror(d, 2), ror(d, 13), ror(d, 22)) + bxor(band(d, e), band(f, bxor(d, e))))
      t = tobit(b + bxor(ror(g, 6), ror(g, 11), ror(g, 25)) + bxor(a, band(g, bxor(h, a))) + K[i + 6] + w[i + 6])
      f, b = tobit(f + t), tobit(t + bxor(ror(c, 2), ror(c, 13), ror(c, 22)) + bxor(band(c, d), band(e, bxor(c, d))))
      t = tobit(a + bxor(ror(f, 6), ror(f, 11), ror(f, 25)) + bxor(h, band(f, bxor(g, h))) + K[i + 7] + w[i + 7])
      e, a = tobit(e + t), tobit(t + bxor(ror(b, 2), ror(b, 13), ror(b, 22)) + bxor(band(b, c), band(d, bxor(b, c))))
    end
    state[0], state[1], state[2], state[3] = tobit(state[0] + a), tobit(state[1] + b), tobit(state[2] + c), tobit(state[3] + d)
    state[4], state[5], state[6], state[7] = tobit(state[4] + e), tobit(state[5] + f), tobit(state[6] + g), tobit(state[7] + h)
  end

  -- Leaves the digest in `state`.
  local function digest(text, after)
    local length, at = #text, 0
    local bytes = ffi.cast("const uint8_t *", text)
    ffi.copy(state, after or START, 32)
    while length - at >= 64 do
      block(ffi.cast("const int32_t *", bytes + at))
      at = at + 64
    end
    local rest = length - at
    ffi.fill(tail, 128)
    ffi.copy(tail, bytes + at, rest)
    tail[rest] = 128
    local last = rest < 56 and 14 or 30
    local whole = length + (after and 64 or 0)
    tail_words[last], tail_words[last + 1] = bswap(rshift(whole, 29)), bswap(whole * 8)
    block(tail_words)
    if last == 30 then block(tail_words + 16) end
  end

  sha256_words = function(text)
    digest(text)
    return { state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7] }
  end

  sha256_bytes = function(text, after)
    digest(text, after)
    for i = 0, 7 do state[i] = bswap(state[i]) end
    return ffi.string(state, 32)
  end

  sha256_after = function(text)
    ffi.copy(state, START, 32)
    block(ffi.cast("const int32_t *", text))
    local made = ffi.new("int32_t[8]")
    ffi.copy(made, state, 32)
    return made
  end

  sha256 = function(text)
    local words = sha256_words(text)
    for i = 1, 8 do words[i] = bit.tohex(words[i]) end
    return table.concat(words)
  end

  -- Whether two digests are one, in a time that does not tell where they differ.
  is_same = function(one, other)
    local differs = bxor(#one, #other)
    for i = 1, math.min(#one, #other) do differs = bor(differs, bxor(one:byte(i), other:byte(i))) end
    return differs == 0
  end
end
