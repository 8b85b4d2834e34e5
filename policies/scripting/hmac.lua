-- HMAC with SHA-256 (RFC 2104). Needs sha256.lua.

local BLOCK = 64

local function bytes_of(words)
  local parts = {}
  for i = 1, 8 do
    local word = words[i]
    parts[i] = string.char(rshift(word, 24), band(rshift(word, 16), 255), band(rshift(word, 8), 255), band(word, 255))
  end
  return table.concat(parts)
end

local function after_block(key, with)
  local state = { unpack(START) }
  block(state, (key:gsub(".", function(byte) return string.char(bxor(byte:byte(), with)) end)), 1)
  return { state = state, bytes = BLOCK }
end

-- A key made ready: two of the four blocks of a short text's code are done once.
local function hmac_key(secret)
  if #secret > BLOCK then secret = bytes_of(sha256_words(secret)) end
  local key = secret .. ("\0"):rep(BLOCK - #secret)
  return { inner = after_block(key, 0x36), outer = after_block(key, 0x5c) }
end

-- The 32 bytes of the text's code.
local function hmac_sha256(key, text)
  return bytes_of(sha256_words(bytes_of(sha256_words(text, key.inner)), key.outer))
end
