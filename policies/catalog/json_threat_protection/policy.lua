-- Refuses a body that is no JSON, or larger in some way than it may be. settings: the limits of json.lua.

-- A body of another kind is not looked at; one of which nothing is told may be JSON.
local function is_looked_at(headers)
  if is_tunnel(headers) then return false end
  local kind = media_type(headers)
  if kind == "" then return true end
  return kind:find("json", 1, true) ~= nil
end

envoy_on_request = guarded(function(handle)
  if not is_looked_at(handle:headers()) then return nil end
  local text, refusal = utf8_text(handle)
  if not text then return refusal end
  local reason = fault(text, settings)
  if reason then return refused_body(reason) end
end)
