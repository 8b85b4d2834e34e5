-- Tells an allowed caller what the server says to be told. settings: those of asking.lua.

envoy_on_response = guarded_response(function(handle)
  local told = answered(handle)
  for _, one in ipairs(told and told.shown or {}) do handle:headers():add(one[1], one[2]) end
end)
