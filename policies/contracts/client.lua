-- Which client calls, by its contract. Needs contracts.lua, and base64.lua where settings.basic.
-- settings: basic (whether id and secret are in the header Authorization), client_id and client_secret
-- (expressions; no secret: it is not checked).

local LONGEST_HEADER = 1024

local function text(expression, handle)
  return expression and dw.text(expression(handle)) or ""
end

-- Nothing where there are no credentials, or none that can be read.
local function basic(handle)
  local header = handle:headers():get("authorization") or ""
  if #header > LONGEST_HEADER then return nil end
  local scheme, told = header:match("^(%a+) +([^ ]+)$")
  local decoded = scheme and scheme:lower() == "basic" and unbase64(told)
  if not decoded then return nil end
  return decoded:match("^([^:]*):(.*)$")
end

local function credentials(handle)
  if settings.basic then return basic(handle) end
  return text(settings.client_id, handle), text(settings.client_secret, handle)
end

-- The contract of the client that calls, and its id; nil and the reason where there is none, or no right secret.
local function client_of(handle)
  local id, secret = credentials(handle)
  if not id or id == "" then return nil, "client: there is no client id" end
  local contract, why = contract_of(id)
  if not contract then return nil, "client: " .. masked(id) .. " " .. why end
  if not settings.basic and not settings.client_secret then return contract, id end
  if secret == "" then return nil, "secret: there is none" end
  local is_right, wrong = is_secret(contract, secret)
  if not is_right then return nil, "secret: " .. wrong end
  return contract, id
end
