-- Finds the operation that a request asks for, and judges its parameters. The table is made by operations.py.

local MOST_PAIRS = 1000

-- What may be told of a caller's words, in an answer too.
local function shown(text)
  text = text:gsub("[^%w/_.~$@:#, ()-]", "?")
  return #text > 120 and text:sub(1, 117) .. "..." or text
end

local function decoded(text)
  return (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

local function form_decoded(text) return decoded((text:gsub("+", " "))) end

-- Templates as a tree: what a segment is itself, before what it may be by a template.
local function tree(paths)
  local root = { known = {}, open = {} }
  for i = 1, paths[0] do
    local at = root
    local parts = paths[i].parts
    for k = 1, parts[0] do
      local part, following = parts[k], nil
      if type(part) == "string" then
        following = at.known[part] or { known = {}, open = {} }
        at.known[part] = following
      else
        following = { known = {}, open = {}, part = part }
        at.open[#at.open + 1] = following
      end
      at = following
    end
    at.methods = paths[i].methods
  end
  return root
end

-- The values of a segment by its template, behind those that were found before; nil where it does not fit.
local function fitted(part, segment, values)
  local found, from = {}, 1
  if segment:sub(1, #part[1]) ~= part[1] then return nil end
  from = #part[1] + 1
  for k = 2, part[0], 2 do
    local behind, last = part[k + 1], k + 1 == part[0]
    local stop
    if last then
      stop = #segment - #behind + 1
      if segment:sub(stop) ~= behind then return nil end
    else
      stop = from + 1
      if behind ~= "" then stop = segment:find(behind, from + 1, true) end
    end
    if not stop or stop <= from then return nil end
    found[part[k]] = decoded(segment:sub(from, stop - 1))
    from = stop + #behind
  end
  return setmetatable(found, { __index = values })
end

-- Methods of the path, and its values by name.
local function found_path(at, segments, k, values)
  local segment = segments[k]
  if not segment then return at.methods, values end
  local known = at.known[decoded(segment)]
  if known then
    local methods, found = found_path(known, segments, k + 1, values)
    if methods then return methods, found end
  end
  for _, one in ipairs(at.open) do
    local more = fitted(one.part, segment, values)
    if more then
      local methods, found = found_path(one, segments, k + 1, more)
      if methods then return methods, found end
    end
  end
end

local function without(path, base)
  if base == "" or path == base then return path:sub(#base + 1) end
  if path:sub(1, #base + 1) == base .. "/" then return path:sub(#base + 1) end
end

-- The path behind the first base that it begins with, in segments.
local function segments_of(path, bases)
  for _, base in ipairs(bases) do
    local rest = without(path, base)
    if rest then
      local found = {}
      for segment in ((rest == "" and "/" or rest) .. "/"):sub(2):gmatch("([^/]*)/") do found[#found + 1] = segment end
      return found
    end
  end
end

-- The query's values by name, in lists; nil where there are too many.
local function query_of(path)
  local found, count = {}, 0
  for pair in (path:match("%?(.*)$") or ""):gmatch("[^&]+") do
    count = count + 1
    if count > MOST_PAIRS then return nil end
    local name, value = pair:match("^([^=]*)=?(.*)$")
    name = form_decoded(name)
    found[name] = found[name] or {}
    table.insert(found[name], form_decoded(value))
  end
  return found
end

-- Blanks around a name and its value are nothing to most readers.
local function cookies_of(headers, name)
  local found = {}
  for line = 1, headers:getNumValues("cookie") do
    for pair in headers:getAtIndex("cookie", line - 1):gmatch("[^;]+") do
      local own, value = pair:match("^%s*([^=%s]+)%s*=%s*(.*)$")
      if own == name then found[#found + 1] = value:match("^(.*%S)") or "" end
    end
  end
  return found[1] and found
end

-- A text is what its schema takes it for: a number, true or false, or itself.
local function meanings(text)
  local found = {}
  if text:find("^-?%d") and #text <= 400 and not text:find("^-?0%d") then
    local number = text:find("^-?%d+%.?%d*[eE]?[+-]?%d*$") and tonumber(text)
    if number and number - number == 0 then found[1] = number end
  end
  if text == "true" or text == "false" then found[1] = text == "true" end
  found[#found + 1] = text
  return found
end

local IS_TYPE = { null = true, boolean = true, integer = true, number = true, string = true, array = true, object = true }

-- What is wrong with the text in the meaning whose type is right, if one is; else its value, third.
local function text_of(number, text)
  local first, first_at
  for _, value in ipairs(meanings(text)) do
    local words, place = judged(number, value)
    if not words then return nil, nil, value end
    if not first or IS_TYPE[first:match("^(%a+) .*wanted$")] then first, first_at = words, place end
  end
  return first, first_at
end

local function pieces(texts, separator)
  if separator == "" then return texts end
  local found = {}
  for piece in (texts[1] .. separator):gmatch("([^" .. separator .. "]*)" .. separator) do found[#found + 1] = piece end
  if texts[1] == "" then return {} end
  return found
end

local function list_fault(parameter, texts)
  if parameter.separator ~= "" and #texts > 1 then return "is given more than once" end
  local list = pieces(texts, parameter.separator)
  local values = { [0] = #list }
  for i, text in ipairs(list) do
    local words, place, value = text_of(parameter.items, text)
    if words then return words, "/" .. (i - 1) .. (place or "") end
    values[i] = value
  end
  return judged(parameter.node, values)
end

-- What is no UTF-8 readers take for other characters, and for as many as they like: no pattern or limit holds for it.
local function has_no_characters(texts)
  for _, text in ipairs(texts) do
    if not is_utf8(text) then return true end
  end
  return false
end

local function value_fault(parameter, texts)
  if has_no_characters(texts) then return "is not UTF-8" end
  if parameter.read == "list" then return list_fault(parameter, texts) end
  if #texts > 1 then return "is given more than once" end
  if texts[1] == "" and parameter.may_be_empty then return nil end
  if parameter.read == "json" then
    local value, why = json_value(texts[1])
    if value == nil then return why:match("^malformed") and "is no JSON" or "is no JSON that can be read" end
    return judged(parameter.node, value)
  end
  return (text_of(parameter.node, texts[1]))
end

local PLACES = {}
function PLACES.path(parameter, request) return { request.values[parameter.name] } end
function PLACES.header(parameter, request) return { request.handle:headers():get(parameter.name) } end
function PLACES.cookie(parameter, request) return cookies_of(request.handle:headers(), parameter.name) end
function PLACES.query(parameter, request) return request.query[parameter.name] end

local function parameter_fault(parameter, request)
  if parameter.read == "unread" then return nil end
  local texts = PLACES[parameter["in"]](parameter, request)
  local words, place
  if texts and texts[1] then
    words, place = value_fault(parameter, texts)
  elseif parameter.required then
    words = "is missing"
  end
  if words then return ("%s %s%s: %s"):format(parameter["in"], parameter.name, place or "", words) end
end

-- A name of the query that no parameter has, where others are refused.
local function unknown_name(operation, query)
  local known = {}
  for i = 1, operation.parameters[0] do
    local one = operation.parameters[i]
    if one["in"] == "query" then known[one.name] = true end
    for k = 1, one.names and one.names[0] or 0 do known[one.names[k]] = true end
    if one.read == "unread" then known[#known + 1] = one.name .. "[" end
  end
  for name in pairs(query) do
    local is_known = known[name]
    for _, front in ipairs(known) do is_known = is_known or name:sub(1, #front) == front end
    if not is_known then return name end
  end
end

local function parameters_fault(operation, request, is_strict)
  for i = 1, operation.parameters[0] do
    local fault = parameter_fault(operation.parameters[i], request)
    if fault then return fault end
  end
  local name = is_strict and unknown_name(operation, request.query)
  if name then return "query " .. name .. ": is not known here" end
end
