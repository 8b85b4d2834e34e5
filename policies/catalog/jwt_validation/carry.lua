-- Puts the token where Envoy's filter looks for it. settings: token (an expression), carrier.

envoy_on_request = guarded(function(handle)
  local known, token = pcall(settings.token, handle)
  if known and type(token) == "string" and token ~= "" and not token:find("[%z\1-\32\127]") then
    handle:headers():replace(settings.carrier, token)
  else
    -- What the caller sent under this name is no token of ours.
    handle:headers():remove(settings.carrier)
  end
end)
