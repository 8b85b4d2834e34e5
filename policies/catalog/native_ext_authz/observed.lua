-- Tells what the filter before, in its shadow mode, would have refused. settings: decision, where it noted that;
-- headers, those that an allowing answer replaces.

envoy_on_request = guarded(function(handle)
  local state = handle:streamInfo():filterState()
  local decision = state:get(settings.decision, "check_result")
  if decision == "OK" then return end
  -- Upstreams take them for the server's word: no caller may write them.
  for _, name in ipairs(settings.headers) do handle:headers():remove(name) end
  local reason = "server: it could not be asked, or not be understood"
  if decision == "DENIED" then
    local status = state:get(settings.decision, "status_code")
    reason = "decision: the server refused the request" .. (status and " with " .. status or "")
  end
  return { status = "403", error = "Access is denied.", reason = reason }
end)
