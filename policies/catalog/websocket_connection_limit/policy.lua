-- Refuses a WebSocket connection that is one too many. Needs connections.lua. settings, beside those of it: none.

local NAMESPACE = "gatewright.websocket-connection-limit"

envoy_on_request = guarded(function(handle)
  if (handle:headers():get("upgrade") or ""):lower() ~= "websocket" then return nil end
  local info = handle:streamInfo()
  local ok, found = pcall(take, info:downstreamDirectLocalAddress(), info:downstreamDirectRemoteAddress())
  if not ok then
    handle:logErr(policy_name .. ": " .. settings.binding .. ": " .. tostring(found))
    local reason = "unknown: the open connections cannot be counted; the gateway's log says why"
    return { status = "503", error = "The number of open connections is not known.", reason = reason }
  end
  if found.at then info:dynamicMetadata():set(NAMESPACE, settings.binding, { at = found.at, serial = found.serial }) end
  if found.count < settings.maximum then return nil end
  local reason = ("connections: %d are open, %d may be"):format(found.count, settings.maximum)
  return { status = "429", error = "Too many WebSocket connections are open.", reason = reason }
end)

-- Where no WebSocket came of it, the connection is a plain one again.
function envoy_on_response(handle)
  local counted = handle:streamInfo():dynamicMetadata():get(NAMESPACE)
  local own_one = counted and counted[settings.binding]
  if not own_one or handle:headers():get(":status") == "101" then return end
  local ok, why = pcall(give_back, own_one.at, own_one.serial)
  if not ok then handle:logErr(policy_name .. ": " .. settings.binding .. ": " .. tostring(why)) end
end
