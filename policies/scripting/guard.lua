-- Opens the script of every Lua policy: a decision that fails refuses the request, never lets it pass.
-- The script's own `policy_name` stands above. Its settings set `mode.observed_as`, the binding's name, where
-- the policy only observes: then a refusal is noted and the request goes on. A policy whose callers read no JSON sets
-- `mode.written`, which gives of a refusal the body and its media type.

local mode = {}
local MOST_REASON, MOST_OBSERVED = 240, 800

-- Reasons quote what callers sent: what could end a line or a field of the log, or is no ASCII, becomes "?".
local function plain(text, most)
  return (text:sub(1, most):gsub("[^\32-\126]", "?"))
end

-- A value that may be a secret, as a reason may show it.
local function masked(text)
  return #text > 8 and text:sub(1, 4) .. "..." or text == "" and "nothing" or "..."
end

-- "CHECK: the compared values", for the log alone.
local function reason_of(with)
  return plain(with.reason or with.error, MOST_REASON)
end

function mode.written(with) return '{"error": "' .. with.error .. '"}', "application/json" end

-- What a refusal says, and its media type; it is counted as one, with its status of HTTP (`counted_as`) where the
-- caller gets another one.
local function told(handle, with, counted_as)
  local metadata = handle:streamInfo():dynamicMetadata()
  local reason = reason_of(with)
  local check = reason:match("^([%w-]+): ")
  local name = check and policy_name .. " " .. check or policy_name
  if counted_as then name = policy_name .. " " .. (check or "") .. " " .. counted_as end
  metadata:set("gatewright", "policy", name)
  metadata:set("gatewright", "reason", reason)
  return mode.written(with)
end

-- What would have been refused, one entry behind the other: BINDING TAB REASON TAB.
local function observed(handle, with)
  local metadata = handle:streamInfo():dynamicMetadata()
  local before = (metadata:get("gatewright") or {}).observed or ""
  if #before < MOST_OBSERVED then
    metadata:set("gatewright", "observed", before .. mode.observed_as .. "\t" .. reason_of(with) .. "\t")
  end
end

-- `kind` is the content type, where it is known.
local function is_grpc(handle, kind)
  kind = kind or handle:headers():get("content-type") or ""
  return kind == "application/grpc" or kind:sub(1, 17) == "application/grpc+"
end

-- What gRPC's callers are told where Envoy's table, made for answers of strangers, says "internal" or "try again":
-- that an argument is invalid, that something is used up. A refusal may name another one, as `grpc_status`.
local GRPC_STATUS = { ["400"] = "3", ["413"] = "8", ["429"] = "8" }

local function answer(handle, with)
  local headers = with.headers or {}
  headers[":status"] = with.status
  if not with.error then
    handle:streamInfo():dynamicMetadata():set("gatewright", "answered", policy_name)
    return handle:respond(headers, "")
  end
  local is_call = is_grpc(handle)
  if is_call then headers["grpc-status"] = with.grpc_status or GRPC_STATUS[with.status] end
  local body, kind = told(handle, with, is_call and with.status)
  headers["content-type"] = kind
  handle:respond(headers, body)
end

-- On the way back there is nobody to respond to: the upstream's answer is emptied and becomes ours. What the
-- gateway has put into it already stays: by the request's id people ask about a refusal.
local KEPT = { ["x-request-id"] = true, server = true }

local function overwrite(handle, with)
  local headers, names = handle:headers(), {}
  for name in pairs(headers) do names[#names + 1] = name end
  for _, name in ipairs(names) do
    if name:sub(1, 1) ~= ":" and not KEPT[name] then headers:remove(name) end
  end
  headers:replace(":status", with.status)
  local body, kind = told(handle, with)
  headers:replace("content-type", kind)
  handle:body(true):setBytes(body)
end

local function failed(handle, why)
  handle:logErr(policy_name .. ": " .. tostring(why))
  local with = { status = "500", error = "The policy " .. policy_name .. " could not be evaluated." }
  with.reason = "evaluation: the policy could not be evaluated; the gateway's log says why"
  return with
end

local function evaluated(decide, act)
  local function done(handle, with)
    if with.error and mode.observed_as then return observed(handle, with) end
    act(handle, with)
  end

  return function(handle)
    local ok, with = pcall(decide, handle)
    if not ok then with = failed(handle, with) end
    if not with then return end
    -- An answer that cannot be given, of a status that is none for example, would let the request go on.
    local is_done, why = pcall(done, handle, with)
    if not is_done then done(handle, failed(handle, why)) end
  end
end

-- A decision returns nothing to let the request go on, or an answer in the upstream's place:
-- {status, error, headers, reason, grpc_status}. With an `error` it is a refusal; its `reason` is "CHECK: WORDS" with the
-- compared values, no secret among them, which the access log keeps and the caller does not see.
local function guarded(decide) return evaluated(decide, answer) end

-- The same on the way back; only a failure keeps the response from going on.
local function guarded_response(decide) return evaluated(decide, overwrite) end
