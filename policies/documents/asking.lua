-- Has the agent fetch documents anew; asking.py tells how. settings: asks ({file, places}, or nil).

local asked_at

-- Once a second at most, whatever callers send: it is a write to a file, if only in memory.
local function ask_anew()
  local now = os.time()
  if not settings.asks or now == asked_at then return end
  asked_at = now
  local file = io.open(settings.asks.file, "r+b")
  if not file then return end
  for _, place in ipairs(settings.asks.places) do
    file:seek("set", place)
    file:write("\1")
  end
  file:close()
end
