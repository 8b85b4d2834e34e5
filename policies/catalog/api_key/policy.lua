-- Refuses who has no key. settings: those of key.lua, told (a header for the upstream, or nil), hides (whether the
-- key goes no further), challenge.

local function hide(handle)
  if settings.header then return handle:headers():remove(settings.header) end
  local path, others, keys = divided(handle)
  if #keys == 0 then return end
  local query = #others > 0 and "?" .. table.concat(others, "&") or ""
  handle:headers():replace(":path", path .. query)
end

envoy_on_request = guarded(function(handle)
  local name, reason, label = consumer_of(handle)
  -- Whatever becomes of the request, since a policy may only observe: nobody else says who calls.
  if settings.told then take_off(handle:headers(), settings.told) end
  if not name then
    local headers = { ["www-authenticate"] = settings.challenge }
    return { status = "401", error = "The key is missing or not known.", reason = reason, headers = headers }
  end
  -- Where the policy only observes, a key of nobody may be one that the upstream knows.
  if settings.hides then hide(handle) end
  if settings.told then handle:headers():replace(settings.told, name) end
  handle:streamInfo():dynamicMetadata():set("gatewright", "application", label)
end)
