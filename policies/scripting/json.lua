-- Reads JSON (RFC 8259) into values. An array holds its length at 0, an object the number of its entries at -1, since its
-- names are texts. json_value(text) is the value, or nil and why there is none, "CHECK: WORDS". Names that are given twice are refused,
-- since readers differ in which one counts, as are numbers that are none to most of them, and what is not UTF-8. Needs utf8.lua.

local NULL = setmetatable({}, { __tostring = function() return "null" end })
local json_value
do
  local DEEPEST, MOST_VALUES = 200, 200000
  local ESCAPES = { ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }
  local find, byte, sub, char = string.find, string.byte, string.sub, string.char
  local text, at, depth, values, most_values

  local function wrong(what) error({ what or "malformed: the body is no JSON" }, 0) end

  local function skip() at = find(text, "[^ \t\r\n]", at) or #text + 1 end

  local function utf8(code)
    if code < 0x80 then return char(code) end
    if code < 0x800 then return char(0xC0 + math.floor(code / 64), 0x80 + code % 64) end
    local last, middle = 0x80 + code % 64, 0x80 + math.floor(code / 64) % 64
    if code < 0x10000 then return char(0xE0 + math.floor(code / 4096), middle, last) end
    return char(0xF0 + math.floor(code / 262144), 0x80 + math.floor(code / 4096) % 64, middle, last)
  end

  -- `at` stands behind "\u"; a pair of halves is one character.
  local function escaped()
    local code = tonumber(text:match("^%x%x%x%x", at) or wrong(), 16)
    at = at + 4
    if code >= 0xD800 and code < 0xDC00 then
      local low = tonumber(text:match("^\\u(%x%x%x%x)", at) or "0", 16)
      if low >= 0xDC00 and low < 0xE000 then
        at = at + 6
        return utf8(0x10000 + (code - 0xD800) * 1024 + low - 0xDC00)
      end
    end
    return utf8(code)
  end

  -- `at` stands behind the quote.
  local function string_value()
    local stop = find(text, '["\\%z\1-\31]', at) or wrong()
    if byte(text, stop) == 34 then
      local found = sub(text, at, stop - 1)
      at = stop + 1
      return found
    end
    local parts, n = {}, 0
    while true do
      n = n + 1
      parts[n] = sub(text, at, stop - 1)
      local mark = byte(text, stop)
      at = stop + 1
      if mark == 34 then return table.concat(parts) end
      if mark ~= 92 then wrong() end
      local kind = sub(text, at, at)
      at = at + 1
      n = n + 1
      parts[n] = kind == "u" and escaped() or ESCAPES[kind] or wrong()
      stop = find(text, '["\\%z\1-\31]', at) or wrong()
    end
  end

  local function number_value()
    local from, to = at, select(2, find(text, "^-?%d+", at))
    if not to or (find(text, "^-?0%d", at)) then wrong() end
    to = select(2, find(text, "^%.%d+", to + 1)) or to
    to = select(2, find(text, "^[eE][+-]?%d+", to + 1)) or to
    at = to + 1
    local found = tonumber(sub(text, from, to)) or wrong()
    if found - found ~= 0 then wrong("number: one is too large to be read") end
    return found
  end

  local value

  local function entered()
    depth = depth + 1
    if depth > DEEPEST then wrong("depth: the body has more than " .. DEEPEST .. " levels") end
    at = at + 1
    skip()
  end

  local function object_value()
    entered()
    local found, count = {}, 0
    if byte(text, at) ~= 125 then
      while true do
        if byte(text, at) ~= 34 then wrong() end
        at = at + 1
        local name = string_value()
        skip()
        if byte(text, at) ~= 58 then wrong() end
        at = at + 1
        if found[name] ~= nil then wrong("twice: an object has a name twice") end
        found[name] = value()
        count = count + 1
        if byte(text, at) ~= 44 then break end
        at = at + 1
        skip()
      end
    end
    if byte(text, at) ~= 125 then wrong() end
    at, depth = at + 1, depth - 1
    found[-1] = count
    return found
  end

  local function array_value()
    entered()
    local found, count = {}, 0
    if byte(text, at) ~= 93 then
      while true do
        count = count + 1
        found[count] = value()
        if byte(text, at) ~= 44 then break end
        at = at + 1
      end
    end
    if byte(text, at) ~= 93 then wrong() end
    at, depth = at + 1, depth - 1
    found[0] = count
    return found
  end

  local WORDS = { [116] = { "true", true }, [102] = { "false", false }, [110] = { "null", NULL } }

  value = function()
    values = values + 1
    if values > most_values then wrong("values: the body has more than " .. most_values) end
    skip()
    local first, found = byte(text, at), nil
    if first == 34 then
      at = at + 1
      found = string_value()
    elseif first == 123 then
      found = object_value()
    elseif first == 91 then
      found = array_value()
    elseif WORDS[first] then
      local word = WORDS[first]
      if sub(text, at, at + #word[1] - 1) ~= word[1] then wrong() end
      at, found = at + #word[1], word[2]
    else
      found = number_value()
    end
    skip()
    return found
  end

  json_value = function(given, most)
    if not is_utf8(given) then return nil, "charset: the body is not UTF-8" end
    text, at, depth, values, most_values = given, 1, 0, 0, most or MOST_VALUES
    local ok, found = pcall(value)
    local is_whole = at > #text
    text = nil
    if not ok then
      if type(found) == "table" then return nil, found[1] end
      error(found, 0)
    end
    if not is_whole then return nil, "malformed: the body is no JSON" end
    return found
  end
end

local function is_array(value) return type(value) == "table" and value[0] ~= nil end
local function is_object(value) return type(value) == "table" and value[-1] ~= nil end

-- A value's text: two have the same exactly when they are equal.
local function canonical(value)
  local kind = type(value)
  if kind == "string" then return '"' .. #value .. ":" .. value end
  if kind == "number" then return ("#%.17g"):format(value == 0 and 0 or value) end
  if kind ~= "table" or value == NULL then return tostring(value) end
  local parts = {}
  if is_array(value) then
    for i = 1, value[0] do parts[i] = canonical(value[i]) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  local names = {}
  for name in pairs(value) do
    if type(name) == "string" then names[#names + 1] = name end
  end
  table.sort(names)
  for i, name in ipairs(names) do parts[i] = canonical(name) .. canonical(value[name]) end
  return "{" .. table.concat(parts, ",") .. "}"
end
