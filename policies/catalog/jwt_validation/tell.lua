-- Tells later policies who calls. settings: those of claims.lua, token (an expression or nil), contracts as policy.lua.

-- The header, or where there is an expression the token alone: its header is gone by now.
local function text_of(handle)
  if settings.token then return settings.token(handle) end
  return handle:headers():get("authorization") or ""
end

envoy_on_request = guarded(function(handle)
  local text = text_of(handle)
  local found = told_of(handle)[settings.header] and type(text) == "string" and read(text) or nil
  claims = found and found.claims or {}
  local id = client_id(handle)
  handle:streamInfo():dynamicMetadata():set("gatewright", "authentication", {
    principal = type(claims.sub) == "string" and claims.sub or id,
    clientId = id,
    clientName = settings.contracts and application(id) or nil,
    properties = { claims = claims, jwt = settings.token and text or text:match("^%a+ +(.*)$") },
  })
end)
