-- Refuses who has no contract with the API, and what is over the limits of its tier. settings: those of client.lua
-- and quota.lua.

local function unknown(reason)
  local headers = { ["www-authenticate"] = "Client-ID-Enforcement" }
  return { status = "401", error = "Invalid client id or secret.", reason = reason, headers = headers }
end

envoy_on_request = guarded(function(handle)
  local contract, reason = client_of(handle)
  if not contract then return unknown(reason) end
  if not contract.limits[1] then return unknown("tier: the contract of " .. contract.application .. " has none") end
  handle:streamInfo():dynamicMetadata():set("gatewright", "application", label_of(contract))
  local with = over_quota(handle, contract.name, contract.limits)
  if with and with.status == "429" then with.reason = with.reason .. ", for " .. contract.application end
  return with
end)
