-- Gives expressions the request's body: JSON as values, other bodies as a text.

local payload

-- JSON's null is none; arrays are as expressions have them.
local function as_dataweave(value)
  if value == NULL then return nil end
  if type(value) ~= "table" then return value end
  local made = {}
  for key, one in pairs(value) do
    if type(key) == "string" or key > 0 then made[key] = as_dataweave(one) end
  end
  return is_array(value) and dw.array_of(made, value[0]) or made
end

-- A refusal of a body that cannot be read.
local function read_payload(handle)
  payload = nil
  local kind = media_type(handle:headers())
  local is_json = kind == "" or kind:find("json", 1, true) ~= nil
  local text, refusal = (is_json and utf8_text or body_text)(handle)
  payload = nil
  if not text then return refusal end
  if not is_json then
    payload = text
    return nil
  end
  local value, reason = json_value(text)
  if value == nil then return refused_body(reason) end
  payload = as_dataweave(value)
end

local function forget_payload() payload = nil end

function dw.payload() return payload end
