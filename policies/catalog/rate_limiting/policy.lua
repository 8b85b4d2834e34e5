-- Refuses what is over quota. settings, beside those of quota.lua: limits ({maximum, period} each), key (an
-- expression or nil).

envoy_on_request = guarded(function(handle)
  local key = settings.key and dw.text(settings.key(handle)) or ""
  local with = over_quota(handle, key, settings.limits)
  if with and with.status == "429" and settings.key then
    with.reason = with.reason .. ", for the key " .. masked(key)
  end
  return with
end)
