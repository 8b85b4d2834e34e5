-- Walks through XML 1.0 (fifth edition) once, and builds nothing of it but the places of the elements that are open.
-- A document type is refused whatever it says: entities are declared there, and files and addresses named.

local ffi = require("ffi")
local DEEPEST = 10000
local MALFORMED = "malformed: the body is no XML"
local NONE = 2 ^ 31
local LT, GT, AMP, SLASH, EQUALS, BANG, QUESTION, DASH = 60, 62, 38, 47, 61, 33, 63, 45
local QUOTE, APOSTROPHE, HASH, SEMICOLON, BRACKET, CLOSE = 34, 39, 35, 59, 91, 93

-- Where the names of the open elements begin, how long they are, and how many children each has.
local starts, lengths = ffi.new("uint32_t[?]", DEEPEST + 1), ffi.new("uint32_t[?]", DEEPEST + 1)
local children = ffi.new("uint32_t[?]", DEEPEST + 1)

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

-- Encodings in which every byte below 128 is that character, and no other is written with it.
local function is_known(charset)
  charset = charset:lower()
  return charset == "utf-8" or charset == "utf8" or charset == "us-ascii" or charset == "ascii"
end

local function charset_of(kind)
  local _, finish = kind:find("charset=", 1, true)
  return finish and kind:match('^"?([%w_.:-]+)', finish + 1) or nil
end

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
  while at < size and (kinds[bytes[at]] == 3 or kinds[bytes[at]] == 2) do at = at + 1 end
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
  if charset and not is_known(charset) then return nil, "charset: " .. charset .. " is not read" end
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

-- Behind the attributes of an element, where its ">" or "/>" begins; or nil and why not.
local function after_attributes(bytes, at, size, most, longest)
  local count, seen, first = 0, nil, nil
  while true do
    local from = after_blanks(bytes, at, size)
    if from >= size then return nil, MALFORMED end
    if bytes[from] == GT or bytes[from] == SLASH then return from end
    local finish = after_name(bytes, from, size)
    if finish == from or from == at then return nil, MALFORMED end
    count = count + 1
    if count > most then return nil, above("attributes", count, most) end
    local name = ffi.string(bytes + from, finish - from)
    if count == 1 then
      first = name
    else
      seen = seen or { [first] = true }
      if seen[name] then return nil, MALFORMED end
      seen[name] = true
    end
    at = after_blanks(bytes, finish, size)
    if at >= size or bytes[at] ~= EQUALS then return nil, MALFORMED end
    at = after_blanks(bytes, at + 1, size)
    if at >= size then return nil, MALFORMED end
    local behind, why = after_value(bytes, at, size, longest)
    if not behind then return nil, why end
    at = behind
  end
end

local function is_same_name(bytes, one, other, length)
  for i = 0, length - 1 do
    if bytes[one + i] ~= bytes[other + i] then return false end
  end
  return true
end

local function most_of(limit) return limit >= 0 and limit or NONE end

-- Why the text is refused; nil where it is not. limits: depth, attributes, children, text, attribute, comment; -1 is none.
local function fault(text, limits)
  local bytes, size = ffi.cast("const uint8_t *", text), #text
  local most_depth = limits.depth >= 0 and limits.depth or DEEPEST
  local most_text, most_children = most_of(limits.text), most_of(limits.children)
  local most_attributes, most_attribute = most_of(limits.attributes), most_of(limits.attribute)
  local most_comment = most_of(limits.comment)
  local depth, length, has_root, why = 0, 0, false, nil
  local at = is_at(bytes, 0, size, "\239\187\191") and 3 or 0
  at, why = after_declaration(bytes, at, size)
  if not at then return why end
  while at < size do
    local byte = bytes[at]
    if byte ~= LT then
      if byte == AMP then
        at = depth > 0 and after_reference(bytes, at, size) or nil
        if not at then return MALFORMED end
        length = length + 1
      else
        if kinds[byte] == 8 or (depth == 0 and kinds[byte] ~= 4) then return MALFORMED end
        if byte == CLOSE and is_at(bytes, at, size, "]]>") then return MALFORMED end
        if byte < 128 or byte >= 192 then length = length + 1 end
        at = at + 1
      end
      if length > most_text and depth > 0 then return above("text", length, most_text) end
    elseif at + 1 >= size then
      return MALFORMED
    elseif bytes[at + 1] == BANG then
      if is_at(bytes, at, size, "<!--") then
        at, why = after_comment(bytes, at + 4, size, most_comment)
        if not at then return why end
      elseif depth > 0 and is_at(bytes, at, size, "<![CDATA[") then
        local count
        at, count = after_word(bytes, at + 9, size, "]]>")
        if not at then return MALFORMED end
        length = length + count
        if length > most_text then return above("text", length, most_text) end
      elseif is_at(bytes, at, size, "<!DOCTYPE") then
        return "doctype: a document type is never accepted"
      else
        return MALFORMED
      end
    elseif bytes[at + 1] == QUESTION then
      at = after_instruction(bytes, at, size)
      if not at then return MALFORMED end
    elseif bytes[at + 1] == SLASH then
      local finish = after_name(bytes, at + 2, size)
      if depth == 0 or finish - at - 2 ~= lengths[depth] then return MALFORMED end
      if not is_same_name(bytes, at + 2, starts[depth], lengths[depth]) then return MALFORMED end
      finish = after_blanks(bytes, finish, size)
      if finish >= size or bytes[finish] ~= GT then return MALFORMED end
      at, depth, length = finish + 1, depth - 1, 0
    else
      local finish = after_name(bytes, at + 1, size)
      if finish == at + 1 or (depth == 0 and has_root) then return MALFORMED end
      if depth > 0 then
        children[depth] = children[depth] + 1
        if children[depth] > most_children then return above("children", children[depth], most_children) end
      end
      depth, has_root, length = depth + 1, true, 0
      if depth > most_depth then return above("depth", depth, most_depth) end
      starts[depth], lengths[depth], children[depth] = at + 1, finish - at - 1, 0
      at, why = after_attributes(bytes, finish, size, most_attributes, most_attribute)
      if not at then return why end
      if bytes[at] == SLASH then
        depth, at = depth - 1, at + 1
        if at >= size or bytes[at] ~= GT then return MALFORMED end
      end
      at = at + 1
    end
  end
  return (depth > 0 or not has_root) and MALFORMED or nil
end
