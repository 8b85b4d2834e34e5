-- Tells later policies who calls. settings: those of asking.lua.

envoy_on_request = guarded(function(handle)
  local found = answered(handle)
  if not found or not found.is_known then return end
  handle:streamInfo():dynamicMetadata():set("gatewright", "authentication", {
    principal = found.username,
    properties = { dn = found.dn },
  })
end)
