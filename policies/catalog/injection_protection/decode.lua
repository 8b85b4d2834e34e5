-- Decodes what callers send as servers and browsers might: %27, %u0027, &#39;, \u0027. Each decoding is looked at, since
-- nobody knows how often the upstream decodes.

local ROUNDS, TIMES, SPARE_BYTES = 5, 4, 262144
local MARKS = { lt = "<", gt = ">", amp = "&", quot = '"', apos = "'", colon = ":", sol = "/", lpar = "(", rpar = ")",
  equals = "=", grave = "`", bsol = "\\", num = "#", semi = ";", comma = ",", lowbar = "_", period = ".", excl = "!",
  Tab = " ", NewLine = " ", nbsp = " ", LT = "<", GT = ">", AMP = "&", QUOT = '"' }
local ESCAPES = { b = " ", f = " ", n = " ", r = " ", t = " ", v = " " }

local function spelled(code)
  if not code or code > 0x10FFFF or (code >= 0xD800 and code < 0xE000) then return "?" end
  if code < 128 then return string.char(code) end
  if code < 0x800 then return string.char(192 + math.floor(code / 64), 128 + code % 64) end
  local last, middle = 128 + code % 64, 128 + math.floor(code / 64) % 64
  if code < 0x10000 then return string.char(224 + math.floor(code / 4096), middle, last) end
  return string.char(240 + math.floor(code / 262144), 128 + math.floor(code / 4096) % 64, middle, last)
end

local function of_hex(digits) return spelled(#digits <= 8 and tonumber(digits, 16) or nil) end
local function of_decimal(digits) return spelled(#digits <= 8 and tonumber(digits) or nil) end
local function of_byte(digits) return string.char(tonumber(digits, 16)) end

-- Each pattern goes on behind what it has found, and none looks back.
local function once(text)
  if text:find("%", 1, true) then
    text = text:gsub("%%[uU](%x%x%x%x)", of_hex):gsub("%%(%x%x)", of_byte)
  end
  if text:find("&", 1, true) then
    text = text:gsub("&#[xX](%x+);?", of_hex):gsub("&#(%d+);?", of_decimal):gsub("&(%a+);?", MARKS)
  end
  if text:find("\\", 1, true) then
    text = text:gsub("\\[uU](%x%x%x%x)", of_hex):gsub("\\[xX](%x%x)", of_byte)
  end
  return text
end

-- A text in JSON, between its quotes. Two halves of a pair are no mark of any kind, so they need not be joined.
local function unescaped(text)
  if not text:find("\\", 1, true) then return text end
  return (text:gsub("\\(.)(%x?%x?%x?%x?)", function(kind, digits)
    if kind == "u" and #digits == 4 then return of_hex(digits) end
    return (ESCAPES[kind] or kind) .. digits
  end))
end

-- The bytes of UTF-8 behind the first: RE2 passes over what is none, and so would an attack in it.
local function width(text, at)
  local first, second = text:byte(at, at + 1)
  local count = first < 0xC2 and 0 or first < 0xE0 and 1 or first < 0xF0 and 2 or first < 0xF5 and 3 or 0
  if count == 0 or not second then return 0 end
  if (first == 0xE0 and second < 0xA0) or (first == 0xED and second > 0x9F) then return 0 end
  if (first == 0xF0 and second < 0x90) or (first == 0xF4 and second > 0x8F) then return 0 end
  for i = 1, count do
    local byte = text:byte(at + i)
    if not byte or byte < 128 or byte > 191 then return 0 end
  end
  return count
end

-- Bytes that are no UTF-8 become "?", save the overlong spelling of a letter, which becomes the letter.
local function valid(text)
  local parts, n, from = {}, 0, 1
  local at = text:find("[\128-\255]")
  while at do
    local more = width(text, at)
    if more > 0 then
      at = at + more + 1
    else
      local first, second = text:byte(at, at + 1)
      local is_overlong = (first == 0xC0 or first == 0xC1) and second and second >= 128 and second < 192
      parts[n + 1] = text:sub(from, at - 1)
      parts[n + 2] = is_overlong and string.char((first - 0xC0) * 64 + second - 128) or "?"
      n, from = n + 2, at + (is_overlong and 2 or 1)
      at = from
    end
    at = text:find("[\128-\255]", at)
  end
  if n == 0 then return text end
  parts[n + 1] = text:sub(from)
  return table.concat(parts)
end

-- Without comments, by which words of SQL are parted and hidden; what MySQL runs in spite of it stays.
local function without_comments(text)
  local parts, n, from = {}, 0, 1
  local open = text:find("/*", 1, true)
  while open do
    parts[n + 1], parts[n + 2], n = text:sub(from, open - 1), " ", n + 2
    local _, version = text:find("^!%d*", open + 2)
    if version then
      from = version + 1
    else
      local _, close = text:find("*/", open + 2, true)
      if not close then return table.concat(parts) end
      from = close + 1
    end
    open = text:find("/*", from, true)
  end
  parts[n + 1] = text:sub(from)
  return (table.concat(parts):gsub("%*/", " "))
end

local function append(into, text)
  into[#into + 1], into.left = text, into.left - #text
end

local function put(into, text)
  if text:find("[%z\1-\31\127]") then
    if text:find("%z") then append(into, (text:gsub("%z", ""):gsub("%c", " "))) end
    text = text:gsub("[%z\1-\31\127]", " ")
  end
  append(into, text)
  if text:find("/*", 1, true) then append(into, without_comments(text)) end
end

-- What is to be looked at of a text of so many bytes. Written in several ways it becomes more, but not without end:
-- callers would have each byte looked at dozens of times.
local function texts_of(bytes) return { left = TIMES * bytes + SPARE_BYTES } end

-- One word, or an address: nothing that is built in is found in it.
local function is_word(text)
  if text:find("[^%w_/-]") then return not text:find("[^%x.:]") end
  return not text:find("--", 1, true)
end

-- Puts the text and what it is decoded to into the list; false where it is still encoded after ROUNDS, or becomes
-- more than is looked at.
local function add(into, text)
  if into.left < 0 then return false end
  if settings.words_pass and is_word(text) then return true end
  if not text:find("[^%w ._-]") then
    if text ~= "" then append(into, text) end
    return true
  end
  text = valid(text)
  put(into, text)
  for _ = 1, ROUNDS do
    local decoded = once(text)
    if decoded == text then return into.left >= 0 end
    if into.left < 0 then return false end
    text = valid(decoded)
    put(into, text)
  end
  return into.left >= 0 and once(text) == text
end
