-- What a script answers in the upstream's place.

local MOST_BODY, MOST_DEPTH = 65536, 60
local NOT_OURS = { connection = true, ["content-length"] = true, ["keep-alive"] = true, te = true, trailer = true,
  ["transfer-encoding"] = true, upgrade = true, host = true }
-- What stood behind such a head would be the beginning of the next answer.
local HAS_NO_BODY = { [204] = true, [205] = true, [304] = true }
local MARKS = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function quoted(text)
  return '"' .. text:gsub('[%c"\\]', function(mark) return MARKS[mark] or ("\\u%04x"):format(mark:byte()) end) .. '"'
end

local written

local function written_list(value, depth)
  local parts = {}
  for i = 1, dw.sizeOf(value) do parts[i] = written(value[i], depth + 1) end
  return "[" .. table.concat(parts, ", ") .. "]"
end

-- A value as JSON, names in order.
written = function(value, depth)
  if depth > MOST_DEPTH then error("the body is too deep", 0) end
  local kind = dw.kind(value)
  if kind == "String" then return quoted(value) end
  if kind == "Number" then return value % 1 == 0 and ("%.0f"):format(value) or ("%.15g"):format(value) end
  if kind == "Boolean" then return tostring(value) end
  if kind == "Null" then return "null" end
  if kind == "Array" then return written_list(value, depth) end
  local names, parts = {}, {}
  for name in pairs(value) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do parts[i] = quoted(name) .. ": " .. written(value[name], depth + 1) end
  return "{" .. table.concat(parts, ", ") .. "}"
end

local function add_headers(headers, given)
  if given == nil then return end
  if dw.kind(given) ~= "Object" then error("headers are no object", 0) end
  for name, value in pairs(given) do
    name = name:lower()
    value = dw.text(value)
    if not name:find("^[%w!#$%%&'*+.^_`|~-]+$") or NOT_OURS[name] or name:find("^x%-envoy%-") then
      error("the header " .. name:sub(1, 40) .. " cannot be set", 0)
    end
    if value and value:find("[%z\1-\8\10-\31\127]") then error("a header's value holds a line break", 0) end
    headers[name] = value
  end
end

-- status, headers and body of what `response` describes.
local function described(response)
  if response == nil then response = {} end
  if dw.kind(response) ~= "Object" then error("response is no object", 0) end
  local status = response.statusCode == nil and 400 or tonumber(response.statusCode)
  if not status or status % 1 ~= 0 or status < 200 or status > 599 then error("statusCode is no status", 0) end
  local body, kind = response.body, "application/json"
  if type(body) == "string" then
    kind = "text/plain; charset=utf-8"
  else
    body = body == nil and "" or written(body, 1)
  end
  if body ~= "" and HAS_NO_BODY[status] then error("an answer of " .. status .. " has no body", 0) end
  if #body > MOST_BODY then error("the body has more than " .. MOST_BODY .. " bytes", 0) end
  local headers = { ["content-type"] = kind }
  add_headers(headers, response.headers)
  headers[":status"] = ("%d"):format(status)
  return headers, body
end
