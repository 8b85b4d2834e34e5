-- Asks the script. settings: script, a function of the handle; payload, whether it reads the body.

local function outcome(handle)
  local value = settings.script(handle)
  if dw.kind(value) ~= "Object" then error("the script's value is no object", 0) end
  if type(value.success) ~= "boolean" then error("success is neither true nor false", 0) end
  if value.success then return true end
  return false, described(value.response)
end

local function unevaluated(reason)
  local words = "script: " .. tostring(reason):sub(1, 200)
  return { status = "400", error = "The request cannot be judged.", reason = words }
end

envoy_on_request = guarded(function(handle)
  if settings.payload then
    local refusal = read_payload(handle)
    if refusal then return refusal end
  end
  local is_told, passes, headers, body = pcall(outcome, handle)
  if settings.payload then forget_payload() end
  if not is_told then return unevaluated(passes) end
  if passes then return nil end
  local refusal = { error = "", reason = "filter: the script answers with " .. headers[":status"] }
  if mode.observed_as then return observed(handle, refusal) end
  told(handle, refusal)
  handle:respond(headers, body)
end)
