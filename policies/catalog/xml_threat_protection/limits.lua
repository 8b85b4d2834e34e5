-- Walks through a document once, and builds nothing of it but the places of the elements that are open.
-- A document type is refused whatever it says: entities are declared there, and files and addresses named.

local DEEPEST, NONE = 10000, 2 ^ 31

-- Where the names of the open elements begin, how long they are, and how many children each has.
local starts, lengths = ffi.new("uint32_t[?]", DEEPEST + 1), ffi.new("uint32_t[?]", DEEPEST + 1)
local children = ffi.new("uint32_t[?]", DEEPEST + 1)

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
