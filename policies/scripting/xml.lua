-- Reads the parts of XML 1.0 (fifth edition) from bytes, each in one pass: who walks through a document has a function
-- for what may stand at a place, which gives where that ends, or nil where it does not.

local ffi = require("ffi")
local MALFORMED = "malformed: the body is no XML"
local LT, GT, AMP, SLASH, EQUALS, BANG, QUESTION, DASH = 60, 62, 38, 47, 61, 33, 63, 45
local QUOTE, APOSTROPHE, HASH, SEMICOLON, BRACKET, CLOSE = 34, 39, 35, 59, 91, 93

-- Of a byte: 1 begins a name, 2 goes on with it, 4 is a blank, 8 may stand in no document. One of several bytes
-- is taken for a letter: what else it may be matters to no limit.
local kinds = ffi.new("uint8_t[256]")
for byte = 0, 255 do
  local char = string.char(byte)
  if char:find("[%a_:]") or byte >= 128 then kinds[byte] = 3 end
  if char:find("[%d.-]") then kinds[byte] = 2 end
  if char:find("[ \t\r\n]") then kinds[byte] = 4 elseif byte < 32 then kinds[byte] = 8 end
end
-- No byte of UTF-8, but of longer spellings of what is shorter.
for _, byte in ipairs({ 192, 193, 245, 246, 247, 248, 249, 250, 251, 252, 253, 254, 255 }) do kinds[byte] = 8 end

local ENTITIES = { lt = true, gt = true, amp = true, quot = true, apos = true }

local function above(what, value, most) return ("%s: %d, above %d"):format(what, value, most) end

local function is_at(bytes, at, size, word)
  if at + #word > size then return false end
  for i = 1, #word do
    if bytes[at + i - 1] ~= word:byte(i) then return false end
  end
  return true
end

local function after_blanks(bytes, at, size)
  while at < size and kinds[bytes[at]] == 4 do at = at + 1 end
  return at
end

-- Behind the name that begins here; the same place where none does.
local function after_name(bytes, at, size)
  if at >= size or kinds[bytes[at]] ~= 3 then return at end
  at = at + 1
  while at < size and bit.band(kinds[bytes[at]], 2) ~= 0 do at = at + 1 end
  return at
end

-- Whether a number may be written as a reference.
local function is_character(code)
  return code == 9 or code == 10 or code == 13 or (code >= 32 and code < 0xD800)
    or (code >= 0xE000 and code < 0xFFFE) or (code >= 0x10000 and code <= 0x10FFFF)
end

-- Behind the reference that begins here; nil where it is none, or one that only a document type could declare.
local function after_reference(bytes, at, size)
  local finish = at + 1
  while finish < size and finish < at + 12 and bytes[finish] ~= SEMICOLON do finish = finish + 1 end
  if finish >= size or bytes[finish] ~= SEMICOLON then return nil end
  local text = ffi.string(bytes + at + 1, finish - at - 1)
  if text:byte(1) ~= HASH then return ENTITIES[text] and finish + 1 or nil end
  local hex, digits = text:match("^#x(%x+)$"), text:match("^#(%d+)$")
  local code = hex and tonumber(hex, 16) or tonumber(digits or "", 10)
  return code and is_character(code) and finish + 1 or nil
end

-- Behind `word`, from here on, and how many characters stand before it; nil where it never comes.
local function after_word(bytes, at, size, word)
  local first, count = word:byte(1), 0
  while at < size do
    local byte = bytes[at]
    if byte == first and is_at(bytes, at, size, word) then return at + #word, count end
    if kinds[byte] == 8 then return nil end
    if byte < 128 or byte >= 192 then count = count + 1 end
    at = at + 1
  end
  return nil
end

-- Behind the comment whose text begins here; or nil and why not.
local function after_comment(bytes, at, size, most)
  local finish, count = after_word(bytes, at, size, "--")
  if not finish or finish >= size or bytes[finish] ~= GT then return nil, MALFORMED end
  if count > most then return nil, above("comment", count, most) end
  return finish + 1
end

-- Behind what begins with "<?" here. The declaration is no instruction: it stands first or not at all.
local function after_instruction(bytes, at, size)
  local name = after_name(bytes, at + 2, size)
  if name == at + 2 or ffi.string(bytes + at + 2, math.min(name - at - 2, 4)):lower() == "xml" then return nil end
  return (after_word(bytes, name, size, "?>"))
end

-- Behind the declaration, if there is one; or nil and why not.
local function after_declaration(bytes, at, size)
  if not is_at(bytes, at, size, "<?xml") or at + 5 >= size or kinds[bytes[at + 5]] ~= 4 then return at end
  local finish = after_word(bytes, at + 5, math.min(size, at + 200), "?>")
  if not finish then return nil, MALFORMED end
  local text = ffi.string(bytes + at + 5, finish - at - 7)
  if not text:find("^%s+version%s*=%s*[\"']1%.%d+[\"']") then return nil, MALFORMED end
  local charset = text:match("encoding%s*=%s*[\"']([%w_.:-]+)[\"']")
  if text:find("encoding", 1, true) and not charset then return nil, MALFORMED end
  if charset and not is_read_as_utf8(charset) then return nil, "charset: " .. charset .. " is not read" end
  return finish
end

-- Behind the value whose quote stands here; or nil and why not.
local function after_value(bytes, at, size, most)
  local quote, count = bytes[at], 0
  if quote ~= QUOTE and quote ~= APOSTROPHE then return nil, MALFORMED end
  at = at + 1
  while at < size do
    local byte = bytes[at]
    if byte == quote then
      if count > most then return nil, above("attribute", count, most) end
      return at + 1
    elseif byte == AMP then
      at, count = after_reference(bytes, at, size), count + 1
      if not at then return nil, MALFORMED end
    elseif byte == LT or kinds[byte] == 8 then
      return nil, MALFORMED
    else
      if byte < 128 or byte >= 192 then count = count + 1 end
      at = at + 1
    end
  end
  return nil, MALFORMED
end
