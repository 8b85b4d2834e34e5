-- What compiled expressions call. Null is nil; an array is a table that holds its length under LENGTH.
-- A value of the wrong type is an error, which the policy answers by refusing.
local dw = {}
local LENGTH = {}

-- Callers choose how long texts are: what they are joined to, and what is looked for in them, stays short.
local MOST_BYTES, MOST_SOUGHT = 65536, 1024

local function kind(value)
  if value == nil then return "Null" end
  if type(value) == "table" then return (value[LENGTH] or value[1] ~= nil) and "Array" or "Object" end
  return (type(value):gsub("^%l", string.upper))
end

local function wrong(name, ...)
  local kinds = {}
  for i = 1, select("#", ...) do kinds[i] = kind((select(i, ...))) end
  error(name .. " does not take " .. table.concat(kinds, ", "), 0)
end

function dw.array(length, ...)
  return { [LENGTH] = length, ... }
end

-- The same of a table that has them already.
function dw.array_of(items, length)
  items[LENGTH] = length
  return items
end

dw.kind = kind

-- Where values come from --

function dw.headers(handle, name)
  if type(name) ~= "string" then wrong("attributes.headers", name) end
  if name:lower() == "host" then name = ":authority" end
  return handle:headers():get(name)
end

function dw.method(handle) return handle:headers():get(":method") end
function dw.scheme(handle) return handle:headers():get(":scheme") end
function dw.version(handle) return handle:streamInfo():protocol() end
function dw.statusCode(handle) return tonumber(handle:headers():get(":status")) end

-- As routes and conditions judge it: what is counted or decided by a path is not avoided with other slashes.
local function plain(path)
  return (path:gsub("%%2[fF]", "/"):gsub("%%5[cC]", "/"):gsub("//+", "/"))
end

function dw.requestUri(handle)
  local path, query = handle:headers():get(":path"):match("^([^?]*)(.*)$")
  return plain(path) .. query
end
function dw.requestPath(handle) return plain(handle:headers():get(":path"):match("^[^?]*")) end
function dw.queryString(handle) return handle:headers():get(":path"):match("%?(.*)$") or "" end

local function address(with_port)
  return (with_port:gsub(":%d+$", ""):gsub("^%[(.*)%]$", "%1"))
end

function dw.localAddress(handle) return address(handle:streamInfo():downstreamLocalAddress()) end
function dw.remoteAddress(handle) return address(handle:streamInfo():downstreamRemoteAddress()) end

local function decoded(text)
  text = text:gsub("+", " "):gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
  return text
end

function dw.queryParams(handle, name)
  for pair in dw.queryString(handle):gmatch("[^&]+") do
    local key, value = pair:match("^([^=]*)=?(.*)$")
    if decoded(key) == name then return decoded(value) end
  end
end

local function metadata(handle, name)
  local values = handle:streamInfo():dynamicMetadata():get("gatewright")
  return values and values[name]
end

function dw.authentication(handle) return metadata(handle, "authentication") end
function dw.vars(handle) return metadata(handle, "vars") end

-- Selectors and operators --

-- Characters, not bytes: every byte that does not continue a UTF-8 sequence starts one.
local CHARACTER = "[^\128-\191][\128-\191]*"

local function size(text)
  return select(2, text:gsub("[^\128-\191]", ""))
end

local function offset(key, length)
  return key < 0 and length + key + 1 or key + 1
end

local function character(text, key)
  local at = offset(key, size(text))
  for found in text:gmatch(CHARACTER) do
    at = at - 1
    if at == 0 then return found end
  end
end

function dw.select(value, key)
  if value == nil or key == nil then return nil end
  local of, by = kind(value), type(key)
  if of == "Array" and by == "number" then return value[offset(key, value[LENGTH] or #value)] end
  if of == "Array" and by == "string" then return nil end
  if of == "Object" and by == "string" then return value[key] end
  if of == "String" and by == "number" then return character(value, key) end
  return wrong("a selector", value, key)
end

function dw.boolean(value)
  if type(value) ~= "boolean" then wrong("a condition", value) end
  return value
end

function dw.equal(left, right)
  if left == right then return true end
  if kind(left) ~= "Array" or kind(right) ~= "Array" or dw.sizeOf(left) ~= dw.sizeOf(right) then return false end
  for i = 1, dw.sizeOf(left) do
    if not dw.equal(left[i], right[i]) then return false end
  end
  return true
end

function dw.unequal(left, right) return not dw.equal(left, right) end

local function numbers(name, left, right)
  local a, b = tonumber(left), tonumber(right)
  if not a or not b then wrong(name, left, right) end
  return a, b
end

local function ordered(name, left, right)
  if type(left) == "string" and type(right) == "string" then return left, right end
  return numbers(name, left, right)
end

function dw.less(left, right) local a, b = ordered("<", left, right) return a < b end
function dw.greater(left, right) local a, b = ordered(">", left, right) return a > b end
function dw.at_most(left, right) local a, b = ordered("<=", left, right) return a <= b end
function dw.at_least(left, right) local a, b = ordered(">=", left, right) return a >= b end
function dw.add(left, right) local a, b = numbers("+", left, right) return a + b end
function dw.subtract(left, right) local a, b = numbers("-", left, right) return a - b end
function dw.multiply(left, right) local a, b = numbers("*", left, right) return a * b end

function dw.divide(left, right)
  local a, b = numbers("/", left, right)
  if b == 0 then error("division by zero", 0) end
  return a / b
end

-- Functions --

-- Numbers and booleans read as text, as they do in DataWeave.
local function text(name, value)
  if type(value) == "string" then return value end
  if type(value) == "number" or type(value) == "boolean" then return tostring(value) end
  return wrong(name, value)
end

-- The text of a value that is to stand in a header or a key; nil stays nil.
function dw.text(value)
  if value == nil then return nil end
  return text("text", value)
end

-- A text that is looked for in another.
local function sought(name, value)
  value = text(name, value)
  if #value > MOST_SOUGHT then error(name .. " looks for " .. MOST_SOUGHT .. " bytes at most", 0) end
  return value
end

function dw.concat(left, right)
  if kind(left) == "Array" and kind(right) == "Array" then
    local joined, n = {}, left[LENGTH] or #left
    if n + (right[LENGTH] or #right) > MOST_BYTES then error("++ made more than " .. MOST_BYTES .. " items", 0) end
    for i = 1, n do joined[i] = left[i] end
    for i = 1, right[LENGTH] or #right do joined[n + i] = right[i] end
    joined[LENGTH] = n + (right[LENGTH] or #right)
    return joined
  end
  if left == nil or right == nil then wrong("++", left, right) end
  left, right = text("++", left), text("++", right)
  if #left + #right > MOST_BYTES then error("++ made more than " .. MOST_BYTES .. " bytes", 0) end
  return left .. right
end

function dw.contains(value, part)
  if value == nil then return false end
  if kind(value) == "Array" then
    for i = 1, value[LENGTH] or #value do
      if dw.equal(value[i], part) then return true end
    end
    return false
  end
  return text("contains", value):find(sought("contains", part), 1, true) ~= nil
end

function dw.lower(value) return value ~= nil and text("lower", value):lower() or nil end
function dw.upper(value) return value ~= nil and text("upper", value):upper() or nil end

-- Not with one pattern: it would try each place inside where blanks begin again and again.
function dw.trim(value)
  if value == nil then return nil end
  value = text("trim", value)
  local from, to = value:find("%S"), #value
  if not from then return "" end
  while value:find("^%s", to) do to = to - 1 end
  return value:sub(from, to)
end

function dw.sizeOf(value)
  if value == nil then return 0 end
  if kind(value) == "Array" then return value[LENGTH] or #value end
  if kind(value) == "Object" then
    local size = 0
    for _ in pairs(value) do size = size + 1 end
    return size
  end
  return size(text("sizeOf", value))
end

function dw.splitBy(value, separator)
  if value == nil then return nil end
  value, separator = text("splitBy", value), sought("splitBy", separator)
  local parts, n, from = {}, 0, 1
  while separator ~= "" do
    local first, last = value:find(separator, from, true)
    if not first then break end
    n = n + 1
    parts[n], from = value:sub(from, first - 1), last + 1
  end
  parts[n + 1] = value:sub(from)
  parts[LENGTH] = n + 1
  return parts
end

local function last(value, part)
  local found, from = nil, 1
  while part ~= "" do
    local at = value:find(part, from, true)
    if not at then break end
    found, from = at, at + 1
  end
  return found
end

local function first(value, part) return (value:find(part, 1, true)) end

-- Without the separator, "before" is the whole text and "after" is empty.
local function cut(name, find, after)
  dw[name] = function(value, part)
    if value == nil then return nil end
    value, part = text(name, value), sought(name, part)
    local at = find(value, part)
    if after then return at and value:sub(at + #part) or "" end
    return at and value:sub(1, at - 1) or value
  end
end

cut("substringBefore", first, false)
cut("substringBeforeLast", last, false)
cut("substringAfter", first, true)
cut("substringAfterLast", last, true)

local random

function dw.uuid()
  local ffi = require("ffi")
  if not random then
    ffi.cdef("int getentropy(void *buffer, size_t length);")
    random = ffi.new("uint8_t[16]")
  end
  if ffi.C.getentropy(random, 16) ~= 0 then error("no randomness", 0) end
  random[6] = bit.bor(bit.band(random[6], 0x0f), 0x40)
  random[8] = bit.bor(bit.band(random[8], 0x3f), 0x80)
  local bytes = {}
  for i = 0, 15 do bytes[i + 1] = ("%02x"):format(random[i]) end
  return (table.concat(bytes):gsub("^(........)(....)(....)(....)(............)$", "%1-%2-%3-%4-%5"))
end
