-- Opens the script of every Lua policy: a decision that fails refuses the request, never lets it pass.
-- The script's own `policy_name` stands above.

-- A decision returns nothing to let the request pass, or {status, error, headers}.
local function refuse(handle, refusal)
  handle:streamInfo():dynamicMetadata():set("gatewright", "policy", policy_name)
  local headers = refusal.headers or {}
  headers[":status"] = refusal.status
  headers["content-type"] = "application/json"
  handle:respond(headers, '{"error": "' .. refusal.error .. '"}')
end

local function guarded(decide)
  return function(handle)
    local ok, refusal = pcall(decide, handle)
    if not ok then
      handle:logErr(policy_name .. ": " .. tostring(refusal))
      refusal = { status = "500", error = "The policy " .. policy_name .. " could not be evaluated." }
    end
    if refusal then refuse(handle, refusal) end
  end
end
