-- Lets requests pass whose token the provider calls active. settings: those of asking.lua and client.lua; realm,
-- scopes (a list), any (whether one of them will do), expose_headers, contracts (or nil).

local UNREADABLE = "The access token cannot be read."

local function refused(status, why, reason, detail)
  local challenge = 'Bearer realm="' .. settings.realm .. '"' .. (detail or "")
  return { status = status, error = why, reason = reason, headers = { ["www-authenticate"] = challenge } }
end

local function malformed(reason)
  return refused("400", UNREADABLE, reason, ', error="invalid_request"')
end

-- The token, or nil and the refusal.
local function bearer(handle)
  local headers = handle:headers()
  local text = headers:get("authorization")
  if not text then return nil, refused("401", "The access token is missing.", "token: there is none") end
  if headers:getNumValues("authorization") > 1 then
    return nil, malformed("token: there is more than one Authorization header")
  end
  -- As most have it. A pattern looks at each character for itself, which costs more than all the rest.
  if text:sub(1, 7):lower() == "bearer " and #text > 7 then
    if not text:find(" ", 8, true) and not text:find(",", 8, true) then return text:sub(8) end
  end
  local scheme, token = text:match("^(%a+) +([^ ,]+) *$")
  if not scheme then return nil, malformed("token: the Authorization header does not hold one") end
  if scheme:lower() ~= "bearer" then
    return nil, refused("401", "The access token is missing.", "scheme: the authorization is not Bearer")
  end
  return token
end

-- Asked of what is not remembered alone.
local function unsound(token)
  if not token:match("^[%w._~+/-]+=*$") then return malformed("token: it holds what no token has") end
end

local function lacking(scopes)
  local lacks
  for i = 1, #settings.scopes do
    local has = scopes[settings.scopes[i]]
    if has and settings.any then return nil end
    if not has then
      lacks = lacks or settings.scopes[i]
      if not settings.any then return lacks end
    end
  end
  return lacks
end

local function list(scopes)
  local names = {}
  for name in pairs(scopes) do names[#names + 1] = name end
  table.sort(names)
  return #names > 0 and '"' .. table.concat(names, " "):sub(1, 80) .. '"' or "none"
end

-- Nobody else says these, whatever becomes of the request: a policy may only observe.
local function without_told(headers)
  local names = {}
  for name in pairs(headers) do
    if name:find("^x%Wagw%W") then names[#names + 1] = name end
  end
  for _, name in ipairs(names) do headers:remove(name) end
end

local NOT_TOLD = { scope = true, exp = true, active = true }

local function expose(headers, fields)
  for name, value in pairs(fields) do
    local fits = type(value) == "string" and not NOT_TOLD[name] and #value <= 4096
    if fits and name:match("^[%w_-]+$") and not value:find("[%z\1-\31\127]") then
      headers:replace("x-agw-" .. name:lower(), value)
    end
  end
end

envoy_on_request = guarded(function(handle)
  if settings.expose_headers then without_told(handle:headers()) end
  local token, with = bearer(handle)
  if not token then return with end
  local told, why, wrong = ask(handle, token, unsound)
  if wrong then return wrong end
  if not told then
    return { status = "503", error = "The access token cannot be checked at this time.", reason = why }
  end
  if not told.active then
    return refused("401", "The access token is not valid.", told.why, ', error="invalid_token"')
  end
  local lacks = lacking(told.scopes)
  if lacks then
    local detail = (', error="insufficient_scope", scope="%s"'):format(table.concat(settings.scopes, " "))
    local reason = ('scope: it has %s, and not "%s"'):format(list(told.scopes), lacks)
    return refused("403", "The access token has not the scopes that are needed.", reason, detail)
  end
  local why_not = settings.contracts and without_contract(handle, told.fields)
  if why_not then
    return refused("401", "The token's client may not call this.", why_not, ', error="invalid_token"')
  end
  if settings.expose_headers then expose(handle:headers(), told.fields) end
end)
