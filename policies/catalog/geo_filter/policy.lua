-- Refuses by the country that Envoy has written into a header of its own. settings: header (its name), listed (countries),
-- denies (whether those are refused, else all others), told (a header for the upstream, or nil).

envoy_on_request = guarded(function(handle)
  local headers = handle:headers()
  local country = headers:get(settings.header)
  headers:remove(settings.header)
  local is_listed = country ~= nil and settings.listed[country] == true
  if is_listed == settings.denies then
    local reason = settings.denies and "country: " .. country .. " is in the list"
      or "country: " .. (country or "unknown") .. " is not in the list"
    return { status = "403", error = "Calls from this country are not accepted.", reason = reason }
  end
  if settings.told and country then headers:replace(settings.told, country) end
end)
