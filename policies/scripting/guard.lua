-- Opens the script of every Lua policy: a decision that fails refuses the request, never lets it pass.
-- The script's own `policy_name` stands above.

-- What a refusal says; it is counted as one.
local function told(handle, refusal)
  handle:streamInfo():dynamicMetadata():set("gatewright", "policy", policy_name)
  return '{"error": "' .. refusal .. '"}'
end

local function answer(handle, with)
  local headers = with.headers or {}
  headers[":status"] = with.status
  if not with.error then
    handle:streamInfo():dynamicMetadata():set("gatewright", "answered", policy_name)
    return handle:respond(headers, "")
  end
  headers["content-type"] = "application/json"
  handle:respond(headers, told(handle, with.error))
end

-- On the way back there is nobody to respond to: the upstream's answer is emptied and becomes ours.
local function overwrite(handle, with)
  local headers, names = handle:headers(), {}
  for name in pairs(headers) do names[#names + 1] = name end
  for _, name in ipairs(names) do
    if name:sub(1, 1) ~= ":" then headers:remove(name) end
  end
  headers:replace(":status", with.status)
  headers:replace("content-type", "application/json")
  local body = told(handle, with.error)
  handle:body(true):setBytes(body)
end

local function evaluated(decide, act)
  return function(handle)
    local ok, with = pcall(decide, handle)
    if not ok then
      handle:logErr(policy_name .. ": " .. tostring(with))
      with = { status = "500", error = "The policy " .. policy_name .. " could not be evaluated." }
    end
    if with then act(handle, with) end
  end
end

-- A decision returns nothing to let the request go on, or an answer in the upstream's place:
-- {status, error, headers}. With an `error` it is a refusal.
local function guarded(decide) return evaluated(decide, answer) end

-- The same on the way back; only a failure keeps the response from going on.
local function guarded_response(decide) return evaluated(decide, overwrite) end
