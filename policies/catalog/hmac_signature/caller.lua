-- Tells later policies who calls.

local function tell(handle, name)
  local told = { principal = name, clientName = name, clientId = name }
  handle:streamInfo():dynamicMetadata():set("gatewright", "authentication", told)
end
