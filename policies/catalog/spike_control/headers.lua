-- Tells callers their quota; only there with settings.expose_headers, as the way back costs each request.

envoy_on_response = guarded_response(function(handle)
  local counted = handle:streamInfo():dynamicMetadata():get(METADATA)
  for name, value in pairs(counted and counted[settings.binding] or {}) do
    handle:headers():replace(name, value)
  end
end)
