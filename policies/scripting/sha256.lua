-- SHA-256 (FIPS 180-4): sha256(text) is its digest as 64 hexadecimal digits, sha256_words(text) as eight numbers.

local band, bnot, bxor, ror, rshift, tobit = bit.band, bit.bnot, bit.bxor, bit.ror, bit.rshift, bit.tobit

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

local K, START = fractions(3, 64), fractions(2, 8)
local w = {}

local function block(state, text, at)
  for i = 1, 16 do
    local a, b, c, d = text:byte(at + 4 * i - 4, at + 4 * i - 1)
    w[i] = bit.bor(bit.lshift(a, 24), bit.lshift(b, 16), bit.lshift(c, 8), d)
  end
  for i = 17, 64 do
    local x, y = w[i - 15], w[i - 2]
    local s0 = bxor(ror(x, 7), ror(x, 18), rshift(x, 3))
    local s1 = bxor(ror(y, 17), ror(y, 19), rshift(y, 10))
    w[i] = tobit(w[i - 16] + s0 + w[i - 7] + s1)
  end
  local a, b, c, d, e, f, g, h = unpack(state)
  for i = 1, 64 do
    local s1 = bxor(ror(e, 6), ror(e, 11), ror(e, 25))
    local t1 = h + s1 + bxor(band(e, f), band(bnot(e), g)) + K[i] + w[i]
    local s0 = bxor(ror(a, 2), ror(a, 13), ror(a, 22))
    local t2 = s0 + bxor(band(a, b), band(a, c), band(b, c))
    h, g, f, e, d, c, b, a = g, f, e, tobit(d + t1), c, b, a, tobit(t1 + t2)
  end
  for i, value in ipairs({ a, b, c, d, e, f, g, h }) do state[i] = tobit(state[i] + value) end
end

-- With `after`, a state and how many bytes made it, the text goes on behind those.
local function sha256_words(text, after)
  local length = #text + (after and after.bytes or 0)
  local state = { unpack(after and after.state or START) }
  local bits = ("\0"):rep(4) .. string.char(rshift(length, 21) % 256, rshift(length, 13) % 256, rshift(length, 5) % 256, length * 8 % 256)
  text = text .. "\128" .. ("\0"):rep((55 - length) % 64) .. bits
  for at = 1, #text, 64 do block(state, text, at) end
  return state
end

local function sha256(text)
  local words = sha256_words(text)
  for i = 1, 8 do words[i] = bit.tohex(words[i]) end
  return table.concat(words)
end

-- Whether two digests are one, in a time that does not tell where they differ.
local function is_same(one, other)
  local differs = bxor(#one, #other)
  for i = 1, math.min(#one, #other) do differs = bit.bor(differs, bxor(one:byte(i), other:byte(i))) end
  return differs == 0
end
