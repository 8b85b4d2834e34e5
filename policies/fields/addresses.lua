-- Refuses by IP address. settings: refuse_listed, address (an expression), networks (by family and prefix length).

local function ipv4(text)
  local a, b, c, d = text:match("^(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)$")
  if not a then return nil end
  for _, octet in ipairs({ a, b, c, d }) do
    -- A leading zero reads as octal in some programs: nobody can tell which address is meant.
    if tonumber(octet) > 255 or (#octet > 1 and octet:sub(1, 1) == "0") then return nil end
  end
  return string.char(a, b, c, d)
end

-- The bytes of colon-separated groups, "" for none, nil when one of them is not a group.
local function groups(text)
  if text == "" then return "" end
  local bytes = {}
  for group, colon in (text .. ":"):gmatch("([^:]*)(:)") do
    if not group:match("^%x%x?%x?%x?$") then return nil end
    local value = tonumber(group, 16)
    bytes[#bytes + 1] = string.char(math.floor(value / 256), value % 256)
  end
  return table.concat(bytes)
end

local function ipv6(text)
  -- A dotted tail stands for the last two groups.
  local front, tail = text:match("^(.*:)(%d+%.%d+%.%d+%.%d+)$")
  if tail then
    local bytes = ipv4(tail)
    if not bytes then return nil end
    text = front .. ("%02x%02x:%02x%02x"):format(bytes:byte(1, 4))
  end
  local left, right = text:match("^(.-)::(.*)$")
  if not left then
    local bytes = groups(text)
    return bytes and #bytes == 16 and bytes or nil
  end
  left, right = groups(left), groups(right)
  if not left or not right or #left + #right > 14 then return nil end
  return left .. ("\0"):rep(16 - #left - #right) .. right
end

local MAPPED = ("\0"):rep(10) .. "\255\255"

-- An IPv6 address with a dotted tail, in brackets and with a port, has less.
local LONGEST = 64

-- Family and bytes of an address, which may carry a port; nil when it is not one.
local function parsed(text)
  if #text > LONGEST then return nil end
  text = text:match("^%[(.+)%]:?%d*$") or text:match("^(%d+%.%d+%.%d+%.%d+):%d+$") or text
  local bytes = ipv4(text)
  if bytes then return 4, bytes end
  bytes = ipv6(text)
  if bytes and bytes:sub(1, 12) == MAPPED then return 4, bytes:sub(13) end
  if bytes then return 6, bytes end
end

local function prefix(bytes, length)
  local whole, rest = math.floor(length / 8), length % 8
  if rest == 0 then return bytes:sub(1, whole) end
  local mask = 256 - 2 ^ (8 - rest)
  return bytes:sub(1, whole) .. string.char(bit.band(bytes:byte(whole + 1), mask))
end

local function is_listed(family, bytes)
  for length, prefixes in pairs(settings.networks[family]) do
    if prefixes[prefix(bytes, length)] then return true end
  end
  return false
end

local function decide(handle)
  local value = settings.address(handle)
  if type(value) == "table" then value = dw.select(value, 0) end
  -- Of a list, as in X-Forwarded-For, the leftmost is the client.
  local first = type(value) == "string" and value:match("^%s*([^,%s]+)")
  local family, bytes
  if first then family, bytes = parsed(first) end
  if not family or is_listed(family, bytes) == settings.refuse_listed then
    local reason = "address: " .. (first or "none")
    reason = reason .. (not family and " is no address" or settings.refuse_listed and " is in the list" or " is not in the list")
    return { status = "403", error = "This IP address is not allowed.", reason = reason }
  end
end

envoy_on_request = guarded(decide)
