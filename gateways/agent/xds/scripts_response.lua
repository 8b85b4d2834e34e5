-- Follows scripts.lua where a script has something to do on the way back: two more microseconds for each request.

function envoy_on_response(handle)
  local known, found = pcall(scripts, handle)
  if not known then return handle:logErr("policies: " .. tostring(found)) end
  for i = #found, 1, -1 do
    if found[i].response then found[i].response(handle) end
  end
end
