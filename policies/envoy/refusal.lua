-- Refuses whatever comes here. settings: reason, a function of the handle.

envoy_on_request = guarded(function(handle)
  return { status = "403", error = "Access is denied.", reason = settings.reason(handle) }
end)
