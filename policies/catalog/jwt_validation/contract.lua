-- Whether the token's client has a contract with the API. Needs claims.lua and contracts.lua.

local function without_contract(handle)
  local id = client_id(handle)
  if not id or id == "" then return "client: the token names none" end
  local contract, why = contract_of(id)
  if not contract then return "client: " .. masked(id) .. " " .. why end
  handle:streamInfo():dynamicMetadata():set("gatewright", "application", label_of(contract))
end

local function application(id)
  local contract = id and contract_of(id)
  return contract and contract.application or nil
end
