-- Refuses a request that the API's document does not describe. settings: file, the document's table; bases, what stands
-- before its paths; strict, whether names in the query must be known.

local described

local function loaded()
  local file = assert(io.open(settings.file, "rb"))
  local text = file:read("*a")
  file:close()
  local table, reason = json_value(text, math.huge)
  described = assert(table, reason)
  described.tree = tree(described.paths)
  return described
end

local function refused(check, words)
  words = shown(words)
  return { status = "400", error = "The request does not fit the API: " .. words, reason = check .. ": " .. words }
end

-- The number of the body's schema; 0 for what is not read, nil for what is not described.
local function schema_of(body, kind)
  kind = kind:match("^%s*([^;%s]*)")
  local best, rank
  for i = 1, body.types[0] do
    local name, number = body.types[i][1], body.types[i][2]
    local is_json = kind == "" and number > 0
    local fit = (name == kind or is_json) and 3 or name == kind:match("^[^/]*") .. "/*" and 2 or name == "*/*" and 1
    if fit and (not rank or fit > rank) then best, rank = number, fit end
  end
  local is_read = kind == "" or kind:find("json", 1, true) ~= nil
  return best and (is_read and best or 0)
end

-- Of a body that is not read: it is waited for only where nothing tells of it beforehand.
local function is_missing(handle, told)
  if told then return tonumber(told) == 0 end
  if mode.observed_as then
    local is_empty = true
    for part in handle:bodyChunks() do is_empty = is_empty and part:length() == 0 end
    return is_empty
  end
  local buffer = handle:body()
  return not buffer or buffer:length() == 0
end

local function body_fault(handle, body)
  local kind = media_type(handle:headers())
  local number = schema_of(body, kind)
  local told = handle:headers():get("content-length")
  if not number or number == 0 then
    if not number and kind ~= "" and told ~= "0" then return refused("content-type", kind .. " is not accepted") end
    if not body.required then return nil end
    if is_missing(handle, told) then return refused("body", "the body is missing") end
    if not number then return refused("content-type", "the body has no content-type that is accepted") end
    return nil
  end
  local text, refusal = utf8_text(handle)
  if refusal then return refusal end
  if not text then return body.required and refused("body", "the body is missing") or nil end
  local value, why = json_value(text)
  if value == nil then return refused("body", why:gsub("^%w+: ", "")) end
  -- Others were judged while this body came.
  steps = 0
  local words, place = judged(number, value)
  if words then return refused("body", (place or "/") .. ": " .. words) end
end

local function judged_request(handle)
  local headers = handle:headers()
  local path, method = headers:get(":path"), headers:get(":method")
  local segments = segments_of(path:match("^[^?]*"), settings.bases)
  local methods, values = nil, nil
  if segments then methods, values = found_path(described.tree, segments, 1, {}) end
  if not methods then return refused("path", "there is no such path") end
  local operation = methods[method] or method == "HEAD" and methods.GET
  if not operation then return refused("method", method .. " is not described here") end
  local query = query_of(path)
  if not query then return refused("parameters", "the query has too many names") end
  local request = { handle = handle, query = query, values = values }
  local fault = parameters_fault(operation, request, settings.strict)
  if fault then return refused("parameters", fault) end
  if operation.body then return body_fault(handle, operation.body) end
end

envoy_on_request = guarded(function(handle)
  local known = described or loaded()
  nodes, automata, steps = known.nodes, known.automata, 0
  local ok, found = pcall(judged_request, handle)
  if ok then return found end
  if type(found) == "table" then return refused(found[1]:match("^([%w-]+): (.*)$")) end
  error(found, 0)
end)
