-- HMAC with SHA-256 (RFC 2104). Needs sha256.lua.

local BLOCK = 64

local function after_block(key, with)
  return sha256_after((key:gsub(".", function(byte) return string.char(bit.bxor(byte:byte(), with)) end)))
end

-- A key made ready: two of the four blocks of a short text's code are done once.
local function hmac_key(secret)
  if #secret > BLOCK then secret = sha256_bytes(secret) end
  local key = secret .. ("\0"):rep(BLOCK - #secret)
  return { inner = after_block(key, 0x36), outer = after_block(key, 0x5c) }
end

-- The 32 bytes of the text's code.
local function hmac_sha256(key, text)
  return sha256_bytes(sha256_bytes(text, key.inner), key.outer)
end
