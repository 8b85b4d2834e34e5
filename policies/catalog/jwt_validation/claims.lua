-- What a token says. It is read once: what its text says never changes, and is known again by that text, in a memory
-- that all policies of a Lua state share. Whether it counts is for each request and its keys to say, by Envoy's filter.
-- Needs json.lua and base64.lua. settings: header (the name under which the filter tells what it has verified),
-- carrier (the header that holds the token alone, or nil), client_id (an expression).

-- 2 * MOST tokens at most, the longest of which are read each time.
local MOST, LONGEST = 256, 4096
local UNREADABLE = "The token cannot be read."

local shared = rawget(_G, "gatewright_tokens_1")
if not shared then
  shared = { carried = { young = {}, old = {}, count = 0 }, told = { young = {}, old = {}, count = 0 } }
  rawset(_G, "gatewright_tokens_1", shared)
end
local kept = settings.carrier and shared.carried or shared.told

-- As Envoy gives JSON to scripts: without null, and without how many there are.
local function given(value)
  if type(value) ~= "table" then return value end
  if value == NULL then return nil end
  local found = {}
  if is_array(value) then
    for i = 1, value[0] do found[i] = given(value[i]) end
    return found
  end
  for name, one in pairs(value) do
    if type(name) == "string" then found[name] = given(one) end
  end
  return found
end

local function decoded(part)
  local text = unbase64((part:gsub("-", "+"):gsub("_", "/")))
  local value = text and json_value(text)
  return is_object(value) and given(value) or nil
end

-- Envoy's filter finds a token anywhere in the header, among dots and signs of padding too; servers behind
-- might read another one there.
local function made(text)
  local scheme, token = "bearer", text
  if not settings.carrier then scheme, token = text:match("^(%a+) +([^ ,]+) *$") end
  if not token then return nil, "There is more than one token.", "token: there is more than one" end
  if scheme:lower() ~= "bearer" then return nil, UNREADABLE, "scheme: the authorization is not Bearer" end
  local head, payload, signature = token:match("^([%w_-]+)%.([%w_-]+)%.([%w_-]+)$")
  if not head then return nil, UNREADABLE, "token: it is not three parts of base64url" end
  local header, said = decoded(head), decoded(payload)
  if not header or not said then return nil, UNREADABLE, "token: it is no JSON that has one meaning" end
  return { token = token, header = header, claims = said, signature = #signature }
end

-- {token, header, claims, signature}, of which the last is a length; nil, what is said and the reason where the text is
-- not one token alone. Nobody changes what is in it. Only of a token that is verified: no other is kept.
local function read(text)
  local found, said, reason = kept.young[text], nil, nil
  if found then return found end
  found = kept.old[text]
  if not found then
    found, said, reason = made(text)
    if not found then return nil, said, reason end
  end
  if #text <= LONGEST then
    if kept.count >= MOST then kept.old, kept.young, kept.count = kept.young, {}, 0 end
    kept.young[text], kept.count = found, kept.count + 1
  end
  return found
end

-- What Envoy's filter tells, by name.
local function told_of(handle)
  return handle:streamInfo():dynamicMetadata():get("envoy.filters.http.jwt_authn") or {}
end

-- For expressions of this policy alone; a claim of the token is vars.claimSet.NAME.
local claims

function dw.vars() return { claimSet = claims } end

local function client_id(handle)
  local known, id = pcall(settings.client_id, handle)
  if not known or (type(id) ~= "string" and type(id) ~= "number") then return nil end
  return dw.text(id)
end
