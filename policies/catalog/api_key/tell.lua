-- Tells later policies who calls: before the key is taken away.

envoy_on_request = guarded(function(handle)
  local name, key = consumer_of(handle)
  if not name then return end
  handle:streamInfo():dynamicMetadata():set("gatewright", "authentication", {
    principal = name,
    clientName = name,
    clientId = settings.contracts and key or name,
  })
end)
