-- Writes the body of the gateway's own errors anew. settings: the mark that the gateway's own answers of this
-- API carry, templates by status or class, words by status.
-- A template is {type, parts}: text and names of placeholders in turn.

local MARK = "x-gatewright-answered"

-- Callers may choose the id: nothing of it but this can stand in a body, whatever its type.
local function request_id(headers)
  return ((headers:get("x-request-id") or ""):sub(1, 128):gsub("[^%w._:-]", ""))
end

local function written(parts, status, headers)
  local values = {
    status = status,
    error = settings.words[status] or (status < "500" and "Client Error" or "Server Error"),
  }
  local made = {}
  for at = 1, #parts do
    local part = parts[at]
    if at % 2 == 1 then
      made[at] = part
    else
      made[at] = part == "requestId" and request_id(headers) or values[part]
    end
  end
  return table.concat(made)
end

-- A refusal of an answer on its way back is not marked: the script that made it has said so. What a policy answered
-- in the upstream's place, as from a cache, is marked, and no error of the gateway's.
local function is_error(handle, is_own)
  local told = handle:streamInfo():dynamicMetadata():get("gatewright") or {}
  return told.policy ~= nil or (is_own and told.answered == nil)
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local status, mark = headers:get(":status"), headers:get(MARK)
  local is_own = mark == settings.mark
  if is_own then headers:remove(MARK) end
  if status < "400" or not is_error(handle, is_own) then return end
  local template = settings.templates[status] or settings.templates[status:sub(1, 1) .. "xx"]
  if not template then return end
  local text = written(template.parts, status, headers)
  headers:replace("content-type", template.type)
  headers:remove("content-encoding")
  local body = handle:body()
  if body then
    body:setBytes(text)
  elseif headers:get("content-length") then
    -- As for HEAD: how long it would be.
    headers:replace("content-length", tostring(#text))
  end
end
