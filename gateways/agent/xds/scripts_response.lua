-- Follows scripts.lua where a script has something to do on the way back: two more microseconds for each request.

-- Functions that scripts gave for the body get each part of it, as it passes, and then nil and whether there were trailers.
-- One that gives back false wants no more.
local function passed_to(handle, takers)
  local function told(text, has_trailers)
    for i = #takers, 1, -1 do
      local ok, wants = pcall(takers[i], text, has_trailers)
      if not ok then handle:logErr("policies: " .. tostring(wants)) end
      if not ok or not wants then table.remove(takers, i) end
    end
    return #takers > 0
  end
  for chunk in handle:bodyChunks() do
    if not told(chunk:getBytes(0, chunk:length())) then return end
  end
  told(nil, handle:trailers() ~= nil)
end

function envoy_on_response(handle)
  local known, found = pcall(scripts, handle)
  if not known then return handle:logErr("policies: " .. tostring(found)) end
  local takers
  for i = #found, 1, -1 do
    local taker = found[i].response and found[i].response(handle)
    if taker then
      takers = takers or {}
      takers[#takers + 1] = taker
    end
  end
  if takers then passed_to(handle, takers) end
end
