-- Tells an allowed caller what the server says to be told. settings: those of asking.lua. Each is name, value, and how it
-- stands beside what the upstream says under that name: "add" where nothing is told.

envoy_on_response = guarded_response(function(handle)
  local told, headers = answered(handle), handle:headers()
  for _, one in ipairs(told and told.shown or {}) do
    local name, value, how = one[1], one[2], one[3] or "add"
    local is_there = headers:get(name) ~= nil
    if how == "add" or (how == "add_if_absent" and not is_there) then
      headers:add(name, value)
    elseif how == "set" or (how == "overwrite" and is_there) then
      headers:replace(name, value)
    end
  end
end)
