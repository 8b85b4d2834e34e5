-- Tells later policies who calls. settings: those of claims.lua, token (an expression or nil), contracts as policy.lua.

local function token(handle)
  if settings.token then return settings.token(handle) end
  return (handle:headers():get("authorization") or ""):match("^%a+ +(.*)$")
end

envoy_on_request = guarded(function(handle)
  claims = found(handle)[settings.claims] or {}
  local id = client_id(handle)
  handle:streamInfo():dynamicMetadata():set("gatewright", "authentication", {
    principal = type(claims.sub) == "string" and claims.sub or id,
    clientId = id,
    clientName = settings.contracts and application(id) or nil,
    properties = { claims = claims, jwt = token(handle) },
  })
end)
