-- Reads base64 (RFC 4648), with padding or without: unbase64(text) is nil for what is none.

local SIX_BITS = {}
for i = 0, 63 do
  SIX_BITS[("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"):byte(i + 1)] = i
end

local function unbase64(text)
  local body = text:match("^([%w+/]*)=?=?$")
  if not body or #body % 4 == 1 then return nil end
  local parts, n = {}, 0
  for at = 1, #body, 4 do
    local a, b, c, d = body:byte(at, at + 3)
    local bits = SIX_BITS[a] * 262144 + SIX_BITS[b] * 4096 + (c and SIX_BITS[c] * 64 or 0) + (d and SIX_BITS[d] or 0)
    n = n + 1
    parts[n] = string.char(math.floor(bits / 65536), math.floor(bits / 256) % 256, bits % 256):sub(1, d and 3 or c and 2 or 1)
  end
  return table.concat(parts)
end
