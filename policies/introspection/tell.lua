-- Tells later policies who calls. settings: those of asking.lua and client.lua; principal (as consumer), contracts.

envoy_on_request = guarded(function(handle)
  local told = answered(handle)
  if not told or not told.active then return end
  local fields = told.fields
  local id = first(fields, settings.consumer)
  handle:streamInfo():dynamicMetadata():set("gatewright", "authentication", {
    principal = first(fields, settings.principal),
    clientId = id,
    clientName = settings.contracts and application(id) or nil,
    properties = fields,
  })
end)
