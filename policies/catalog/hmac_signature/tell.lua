-- Tells later policies who calls, behind policy.lua, which has noted it for the log and lets nobody else pass. Needs
-- caller.lua.

envoy_on_request = guarded(function(handle)
  tell(handle, handle:streamInfo():dynamicMetadata():get("gatewright").application)
end)
