-- Decides what the token that Envoy's filter has read is good for. settings: those of claims.lua; header,
-- failed (names that it tells under); that of asking.lua; lacks_keys, has_keys (of the documents, some);
-- carrier, realm, signature (its length, where all have one), algorithms, issuers, any_issuer, audiences,
-- checks_audience, needs_audience, needs_exp, needs_nbf, leeway, mandatory and optional (lists of {name,
-- expected}), headers (a list of {claim, header}).

local MISSING, NO_KEY, WRONG, EXPIRED, EARLY = "1", "32", "26", "3", "2"
local SAID = {
  [EXPIRED] = "The token has expired.",
  [EARLY] = "The token is not valid yet.",
  [NO_KEY] = "No key is known by which the token is signed.",
  [WRONG] = "The token's signature is wrong.",
  otherwise = "The token cannot be read.",
}

local function refused(why)
  local challenge = 'Bearer realm="' .. settings.realm .. '", error="invalid_token"'
  return { status = "401", error = why, headers = { ["www-authenticate"] = challenge } }
end

-- Envoy's filter finds a token anywhere in the header, among dots and signs of padding too; servers behind might
-- read another one there.
local function misread(handle)
  local headers = handle:headers()
  local text = headers:get(settings.carrier or "authorization") or ""
  if not settings.carrier then text = text:match("^%a+ +([^ ,]+) *$") end
  if not text then return "There is more than one token." end
  local signature = text:match("^[%w_-]+%.[%w_-]+%.([%w_-]+)$")
  if not signature then return SAID.otherwise end
  -- Of curves it has one length, where Envoy takes any that is even.
  if settings.signature and #signature ~= settings.signature then return SAID[WRONG] end
end

-- A key that is not known yet may be the issuer's newest. Of several key sets one that was never had leaves
-- open what the others say.
local function failure(told)
  local failed = told[settings.failed] or {}
  local code = tostring(failed.code or "")
  if code == MISSING then return { status = "400", error = "The token is missing." } end
  local is_open = code == NO_KEY or code == WRONG
  if is_open then ask_anew() end
  if is_open and settings.lacks_keys then
    return { status = "503", error = "The keys of the token's issuer cannot be had." }
  end
  return refused(SAID[code] or SAID.otherwise)
end

local function among(value, wanted)
  if type(value) ~= "table" then return wanted[value] == true end
  for _, one in ipairs(value) do
    if wanted[one] then return true end
  end
  return false
end

-- A time is a number of seconds; what is there and is none is no time that can be kept.
local function untimely()
  local now, exp, nbf = os.time(), claims.exp, claims.nbf
  if exp == nil and settings.needs_exp then return "The token does not say when it expires." end
  if nbf == nil and settings.needs_nbf then return "The token does not say when it begins." end
  if exp ~= nil and (type(exp) ~= "number" or now >= exp + settings.leeway) then return SAID[EXPIRED] end
  if nbf ~= nil and (type(nbf) ~= "number" or now < nbf - settings.leeway) then return SAID[EARLY] end
end

local function misdirected()
  if not settings.any_issuer and not (type(claims.iss) == "string" and settings.issuers[claims.iss]) then
    return "The token is of an issuer that is not taken."
  end
  if not settings.checks_audience then return nil end
  if claims.aud == nil then return settings.needs_audience and "The token names no audience." or nil end
  if not among(claims.aud, settings.audiences) then return "The token is meant for others." end
end

local function holds(claim, handle)
  local known, expected = pcall(claim.expected, handle)
  if not known then return false end
  if type(expected) == "boolean" then return expected end
  local value = claims[claim.name]
  return expected ~= nil and type(value) ~= "table" and dw.text(value) == dw.text(expected)
end

local function unfit(handle)
  for _, claim in ipairs(settings.mandatory) do
    if claims[claim.name] == nil or not holds(claim, handle) then return claim.name end
  end
  for _, claim in ipairs(settings.optional) do
    if claims[claim.name] ~= nil and not holds(claim, handle) then return claim.name end
  end
end

-- A list of texts is joined by commas; what else is no text stands in no header.
local function shown(value)
  if type(value) ~= "table" then return dw.text(value) end
  local parts = {}
  for i, one in ipairs(value) do
    if type(one) == "table" then return nil end
    parts[i] = dw.text(one)
  end
  return #parts > 0 and table.concat(parts, ",") or nil
end

local function write_headers(handle)
  for _, one in ipairs(settings.headers) do
    local text = shown(claims[one.claim])
    if text and text:find("[%z\1-\8\10-\31\127]") then
      return refused("The claim " .. one.claim .. " cannot stand in a header.")
    end
    if text then
      handle:headers():replace(one.header, text)
    else
      handle:headers():remove(one.header)
    end
  end
end

envoy_on_request = guarded(function(handle)
  local told = found(handle)
  local otherwise = misread(handle)
  if settings.carrier then handle:headers():remove(settings.carrier) end
  claims = told[settings.claims]
  local header = told[settings.header]
  if not claims or not header or not settings.has_keys then return failure(told) end
  if otherwise then return refused(otherwise) end
  if not settings.algorithms[header.alg] then return refused("The token is signed by another method.") end
  if header.crit ~= nil then return refused("The token asks for what is not known here.") end
  local why = untimely() or misdirected()
  if why then return refused(why) end
  local name = unfit(handle)
  if name then return refused("The claim " .. name .. " is not as it must be.") end
  return write_headers(handle)
end)
