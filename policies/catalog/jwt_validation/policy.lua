-- Decides what the token that Envoy's filter has verified is good for. settings: those of claims.lua; failed (the name
-- under which it tells why it has not); that of asking.lua; lacks_keys, has_keys (of the documents, some);
-- realm, signature (its length, where all have one), algorithms, issuers, any_issuer, audiences,
-- checks_audience, needs_audience, needs_exp, needs_nbf, leeway, mandatory and optional (lists of {name,
-- expected}), headers (a list of {claim, header}); contracts, with contract.lua before this file, or nil.

local MISSING, NO_KEY, WRONG, EXPIRED, EARLY = "1", "32", "26", "3", "2"
-- gRPC's, as for a token that is not accepted.
local UNAUTHENTICATED = "16"
-- What is said to the caller, and to the log. Envoy's filter looks at times roughly, before anything else.
local SAID = {
  [EXPIRED] = { "The token has expired.", "exp: it is past by more than an hour" },
  [EARLY] = { "The token is not valid yet.", "nbf: it is more than an hour ahead" },
  [NO_KEY] = { "No key is known by which the token is signed.", "key: none is known of its kid and alg" },
  [WRONG] = { "The token's signature is wrong.", "signature: it fits none of the keys" },
}

local function refused(why, reason)
  local challenge = 'Bearer realm="' .. settings.realm .. '", error="invalid_token"'
  return { status = "401", error = why, reason = reason, headers = { ["www-authenticate"] = challenge } }
end

-- Of curves a signature has one length, where Envoy takes any that is even.
local function mismeasured(found)
  if not settings.signature or found.signature == settings.signature then return nil end
  local lengths = ("%d characters, not %d"):format(found.signature, settings.signature)
  return refused(SAID[WRONG][1], "signature: it has " .. lengths)
end

-- In a reason; what no calendar has is a number.
local function at(seconds)
  if seconds < 0 or seconds > 253402300799 then return ("%.0f"):format(seconds) end
  return os.date("!%Y-%m-%dT%H:%M:%SZ", seconds)
end

local function quoted(value)
  if type(value) ~= "table" then return '"' .. tostring(value) .. '"' end
  local parts = {}
  for i, one in ipairs(value) do parts[i] = i < 5 and quoted(tostring(one)) or nil end
  return table.concat(parts, ", ")
end

local function past(exp) return ("exp: %s is past by %.0f s"):format(at(exp), os.time() - exp) end

local function ahead(nbf) return ("nbf: %s is %.0f s ahead"):format(at(nbf), nbf - os.time()) end

-- What Envoy's filter has compared, by what the token says of itself: for the log alone, since nobody has verified it.
local function compared(code, handle)
  local text = handle:headers():get(settings.carrier or "authorization") or ""
  local found = #text <= LONGEST and made(text)
  if not found then return nil end
  local header, exp, nbf = found.header, found.claims.exp, found.claims.nbf
  if code == EXPIRED and type(exp) == "number" then return past(exp) end
  if code == EARLY and type(nbf) == "number" then return ahead(nbf) end
  local kid = header.kid == nil and "none" or quoted(tostring(header.kid):sub(1, 64))
  if code == NO_KEY then return ("key: none is known of kid %s and alg %s"):format(kid, quoted(header.alg)) end
  if code == WRONG then return ("signature: it fits none of the keys, for kid %s and alg %s"):format(kid, quoted(header.alg)) end
end

-- A key that is not known yet may be the issuer's newest. Of several key sets one that was never had leaves
-- open what the others say.
local function failure(told, handle)
  local failed = told[settings.failed] or {}
  local code = tostring(failed.code or "")
  if code == MISSING then
    local refusal = { status = "400", error = "The token is missing.", reason = "token: there is none" }
    refusal.grpc_status = UNAUTHENTICATED
    return refusal
  end
  local is_open = code == NO_KEY or code == WRONG
  if is_open then ask_anew() end
  if is_open and settings.lacks_keys then
    local why = "The keys of the token's issuer cannot be had."
    return { status = "503", error = why, reason = "keys: those of an issuer were never had" }
  end
  local said = SAID[code] or { UNREADABLE, "token: " .. (failed.message or "it cannot be read") }
  return refused(said[1], compared(code, handle) or said[2])
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
  if exp == nil and settings.needs_exp then
    return refused("The token does not say when it expires.", "exp: there is none")
  end
  if nbf == nil and settings.needs_nbf then
    return refused("The token does not say when it begins.", "nbf: there is none")
  end
  if exp ~= nil and type(exp) ~= "number" then return refused(SAID[EXPIRED][1], "exp: it is no number") end
  if nbf ~= nil and type(nbf) ~= "number" then return refused(SAID[EARLY][1], "nbf: it is no number") end
  if exp and now >= exp + settings.leeway then
    return refused(SAID[EXPIRED][1], past(exp))
  end
  if nbf and now < nbf - settings.leeway then
    return refused(SAID[EARLY][1], ahead(nbf))
  end
end

local function misdirected()
  local iss, aud = claims.iss, claims.aud
  if not settings.any_issuer and not (type(iss) == "string" and settings.issuers[iss]) then
    local reason = iss == nil and "iss: there is none" or "iss: " .. quoted(iss) .. " is not taken"
    return refused("The token is of an issuer that is not taken.", reason)
  end
  if not settings.checks_audience then return nil end
  if aud == nil then
    return settings.needs_audience and refused("The token names no audience.", "aud: there is none") or nil
  end
  if not among(aud, settings.audiences) then
    return refused("The token is meant for others.", "aud: " .. quoted(aud) .. " is none that is taken")
  end
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
      local why = "The claim " .. one.claim .. " cannot stand in a header."
      return refused(why, "claim: " .. one.claim .. " holds what no header can")
    end
    take_off(handle:headers(), one.header)
    if text then handle:headers():replace(one.header, text) end
  end
end

-- Nobody else says these, whatever becomes of the request: a policy may only observe.
local function without_headers(handle, with)
  for _, one in ipairs(settings.headers) do take_off(handle:headers(), one.header) end
  return with
end

local function decided(header, handle)
  if not settings.algorithms[header.alg] then
    return refused("The token is signed by another method.", "alg: " .. quoted(header.alg) .. " is not taken")
  end
  if header.crit ~= nil then
    return refused("The token asks for what is not known here.", "crit: the token asks for what is not known")
  end
  local with = untimely() or misdirected()
  if with then return with end
  local name = unfit(handle)
  local reason = not name and settings.contracts and without_contract(handle)
  if reason then return refused("The token's client may not call this.", reason) end
  if not name then return write_headers(handle) end
  local value = claims[name]
  local is = value == nil and "is not there" or "is " .. masked(tostring(value)) .. ", which is not taken"
  return refused("The claim " .. name .. " is not as it must be.", "claim: " .. name .. " " .. is)
end

local function judged(handle)
  local found, said, reason = read(handle:headers():get(settings.carrier or "authorization") or "")
  if not found then return refused(said, reason) end
  claims = found.claims
  return mismeasured(found) or decided(found.header, handle)
end

envoy_on_request = guarded(function(handle)
  local told, with = told_of(handle), nil
  if told[settings.header] and settings.has_keys then
    with = judged(handle)
  else
    with = failure(told, handle)
  end
  if settings.carrier then handle:headers():remove(settings.carrier) end
  return with and without_headers(handle, with) or nil
end)
