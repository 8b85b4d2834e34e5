-- What Envoy's filter found. settings: claims (the name it stands under), client_id (an expression).

local function found(handle)
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
