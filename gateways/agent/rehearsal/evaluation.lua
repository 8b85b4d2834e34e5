-- Evaluates the expression that lies in a file beside Envoy, and leaves its value there as JSON.

local MOST_BYTES, MOST_ITEMS, MOST_DEPTH = 262144, 10000, 20

local function quoted(text)
  local escaped = text:gsub('[%z\1-\31\\"\127]', function(one) return ("\\u%04x"):format(one:byte()) end)
  return '"' .. escaped .. '"'
end

-- As expressions have it: an array holds its length under a key that is no text and no number.
local function kind(value)
  if value == nil then return "Null" end
  if type(value) ~= "table" then return (type(value):gsub("^%l", string.upper)) end
  if value[1] ~= nil then return "Array" end
  for name in pairs(value) do
    if type(name) == "table" then return "Array" end
  end
  return "Object"
end

-- JSON of a value; what is deeper, longer or more than can be shown is an ellipsis.
local written

local function members(value, depth)
  local parts, names = {}, {}
  for name in pairs(value) do
    if #names == MOST_ITEMS then break end
    if type(name) == "string" then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do parts[#parts + 1] = quoted(name) .. ": " .. written(value[name], depth + 1) end
  return "{" .. table.concat(parts, ", ") .. "}"
end

local function items(value, depth)
  local parts = {}
  for at = 1, math.min(dw.sizeOf(value), MOST_ITEMS) do parts[at] = written(value[at], depth + 1) end
  return "[" .. table.concat(parts, ", ") .. "]"
end

function written(value, depth)
  if depth > MOST_DEPTH then return '"..."' end
  local of = kind(value)
  if of == "Null" then return "null" end
  if of == "String" then return quoted(value:sub(1, MOST_BYTES)) end
  if of == "Number" then
    local is_finite = value == value and math.abs(value) < math.huge
    return is_finite and ("%.14g"):format(value) or quoted(tostring(value))
  end
  if of == "Array" then return items(value, depth) end
  if of == "Object" then return members(value, depth) end
  return tostring(value)
end

local function read(name)
  local file = assert(io.open(name, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function write(name, text)
  local file = assert(io.open(name, "wb"))
  file:write(text)
  file:close()
end

local function asked() return assert(loadstring(read("expression.lua")))(dw) end

local function evaluated(handle, expression)
  local ok, value = pcall(expression.evaluate, handle)
  if not ok then return write("value.json", '{"error": ' .. quoted(tostring(value):sub(1, 1000)) .. "}") end
  write("value.json", '{"kind": "' .. kind(value) .. '", "value": ' .. written(value, 0) .. "}")
end

function envoy_on_request(handle)
  local expression = asked()
  local metadata = handle:streamInfo():dynamicMetadata()
  for name, value in pairs(expression.known) do metadata:set("gatewright", name, value) end
  if expression.moment == "request" then evaluated(handle, expression) end
end

function envoy_on_response(handle)
  local expression = asked()
  if expression.moment == "response" then evaluated(handle, expression) end
end
