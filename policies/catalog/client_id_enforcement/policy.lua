-- Refuses who has no contract with the API. settings: those of client.lua, challenge.

envoy_on_request = guarded(function(handle)
  local contract, reason = client_of(handle)
  if not contract then
    local headers = { ["www-authenticate"] = settings.challenge }
    return { status = "401", error = "Invalid client id or secret.", reason = reason, headers = headers }
  end
  handle:streamInfo():dynamicMetadata():set("gatewright", "application", label_of(contract))
end)
