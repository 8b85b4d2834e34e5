-- Tells what the filter before, in its shadow mode, would have refused. settings: asked, where it noted how
-- long it asked; decision, what came of it; headers, those that an allowing answer replaces.

envoy_on_request = guarded(function(handle)
  local state = handle:streamInfo():filterState()
  local decision = state:get(settings.decision, "check_result")
  if decision == "OK" then return end
  -- Upstreams take them for the server's word: no caller may write them.
  for _, name in ipairs(settings.headers) do handle:headers():remove(name) end
  local reason
  if decision == "DENIED" then
    local status = state:get(settings.decision, "status_code")
    reason = "decision: the server refused the request" .. (status and " with " .. status or "")
  else
    local microseconds = tonumber(state:get(settings.asked, "latency_us")) or 0
    reason = ("server: no answer that can be read came within %.0f ms"):format(microseconds / 1000)
  end
  return { status = "403", error = "Access is denied.", reason = reason }
end)
