-- Refuses where the filter before has noted what it found. settings: noted, under which name, and nothing, its other word.

envoy_on_request = guarded(function(handle)
  local rbac = handle:streamInfo():dynamicMetadata():get("envoy.filters.http.rbac") or {}
  local reason = rbac[settings.noted]
  if reason == settings.nothing then return nil end
  local headers = { ["x-injection-protection"] = "blocked" }
  reason = reason or "matching: nothing was looked at"
  return { status = "400", error = "The request is not accepted.", headers = headers, reason = reason }
end)
