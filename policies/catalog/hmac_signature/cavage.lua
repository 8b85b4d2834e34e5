-- Signatures as of draft-cavage-http-signatures-12: what the request is signed with, and the text that was signed.

local KNOWN = { keyId = true, algorithm = true, headers = true, signature = true, created = true, expires = true }

-- The parameters of the text; nil where it cannot be read.
local function parameters(text)
  local found, at = {}, 1
  while at <= #text do
    local name, behind = text:match("^[ \t]*(%a+)[ \t]*=[ \t]*()", at)
    if not name or found[name] then return nil end
    local value, over = text:match('^"([^"\\]*)"()', behind)
    if not value then value, over = text:match("^(%d+)()", behind) end
    if not value then return nil end
    if KNOWN[name] then found[name] = value end
    at = text:match("^[ \t]*,()", over) or text:match("^[ \t]*$", over) and #text + 1
    if not at then return nil end
  end
  return found
end

-- In Authorization, or in a header of its own; nil where there is none, false where there are several.
local function text_of(headers)
  local authorization = joined(headers, "authorization") or ""
  local scheme, own = authorization:sub(1, 10):lower(), joined(headers, "signature")
  if scheme ~= "signature " then return own end
  if own or headers:getNumValues("authorization") > 1 then return false end
  return authorization:sub(11)
end

local function base_of(headers, told)
  local lines, covers = {}, {}
  for name in told.headers:gmatch("[^ ]+") do
    name = name:lower()
    if covers[name] then return nil, name .. " is named twice" end
    if #lines >= MOST_PARTS then return nil, "there are too many" end
    local value
    if name == "(request-target)" then
      value = headers:get(":method"):lower() .. " " .. headers:get(":path")
    elseif name == "(created)" or name == "(expires)" then
      value = told[name:sub(2, -2)]
    elseif name:match("^[%w_%-%.]+$") then
      value = joined(headers, name)
    end
    if not value then return nil, "there is no " .. name end
    lines[#lines + 1], covers[name] = name .. ": " .. value, true
  end
  return table.concat(lines, "\n"), covers
end

local function covers_header(covers, name) return covers[name] end

-- {key, name, base, code, covers, created, expires}; nil and the reason where it is not signed so that it can be checked.
local function signed(headers, key_of)
  local text = text_of(headers)
  if text == false then return nil, "signature: there are several" end
  if not text then return nil, "signature: there is none" end
  if #text > LONGEST then return nil, "signature: it is too long" end
  local told = parameters(text)
  if not told or not told.signature then return nil, "signature: it cannot be read" end
  local key = told.keyId and key_of(told.keyId)
  if not key then return nil, "key: " .. (told.keyId or "nothing") .. " is nobody's" end
  local algorithm = (told.algorithm or "hs2019"):lower()
  if algorithm ~= "hs2019" and algorithm ~= "hmac-sha256" then return nil, "algorithm: it is " .. algorithm end
  if not told.headers then return nil, "parts: it does not say which are signed" end
  local base, covers = base_of(headers, told)
  if not base then return nil, "parts: " .. covers end
  if not covers["(request-target)"] then return nil, "parts: (request-target) is not signed" end
  return {
    key = key,
    name = told.keyId,
    base = base,
    code = unbase64(told.signature) or "",
    covers = covers,
    created = covers["(created)"] and told.created,
    expires = covers["(expires)"] and told.expires,
    digest = "digest",
  }
end

-- The SHA-256 among the digests of the body.
local function digest_in(text)
  for piece in text:gmatch("[^,]+") do
    local name, value = piece:match("^[ \t]*([%w%-]+)=([%w+/=]*)[ \t]*$")
    if name and name:lower() == "sha-256" then return unbase64(value) end
  end
end

local function accepted() end
