-- Tells later policies which client calls. What a policy before has found out about the caller stays. Needs client.lua.

envoy_on_request = guarded(function(handle)
  local contract, id = client_of(handle)
  if not contract then return end
  local metadata = handle:streamInfo():dynamicMetadata()
  local before = (metadata:get("gatewright") or {}).authentication or {}
  metadata:set("gatewright", "authentication", {
    clientId = id,
    clientName = contract.application,
    principal = before.principal or id,
    properties = before.properties,
  })
end)
