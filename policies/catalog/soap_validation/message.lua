-- Walks through a SOAP message once: names are resolved, the envelope is checked, and what stands in it is given to
-- validate.lua as it comes.

local judge_message, head_of
local ENVELOPES = {
  ["http://schemas.xmlsoap.org/soap/envelope/"] = "1.1",
  ["http://www.w3.org/2003/05/soap-envelope"] = "1.2",
}
do
  local DEEPEST, MOST_ATTRIBUTES = 256, 200
  local MOST_KEPT, LONGEST_TAG = 500, 600
  local NONE = {}
  local PLAIN = { lt = "<", gt = ">", amp = "&", quot = '"', apos = "'" }
  local BYTES, RETURN = ffi.typeof("const uint8_t *"), 13
  local byte, find, sub = string.byte, string.find, string.sub

  -- Of the message that is walked through. It is plain where its texts are what they say: without references, marked
  -- sections, returns and what XML does not know.
  local message, is_plain, bytes, size, at, depth, has_root
  -- Of elements that are open: where the name begins, its bytes, what ends it as most write that, what was changed before.
  local open, open_size, endings, marks = {}, {}, {}, {}
  local raw, is_at_rest = {}, true
  local version, envelope, action, has_body, has_header, part, operation

  -- Where a declaration of XML may stand; "" where there is none, as in most messages.
  head_of = function(text)
    if text:byte(1) == LT and text:byte(2) ~= QUESTION then return "" end
    return text:sub(1, 200):find("<?xml", 1, true) and text:sub(1, 200) or ""
  end

  -- What a reference stands for that after_reference has found sound.
  local function referred(name)
    if PLAIN[name] then return PLAIN[name] end
    local hex = name:match("^#x(%x+)$")
    return utf8(hex and tonumber(hex, 16) or tonumber(name:sub(2), 10))
  end

  local function decoded(text)
    if text:find("\r", 1, true) then text = text:gsub("\r\n?", "\n") end
    if not text:find("&", 1, true) then return text end
    return (text:gsub("&([^;]*);", referred))
  end

  local function has_control(from, finish)
    for i = from, finish - 1 do
      if bytes[i] < 32 then return true end
    end
    return false
  end

  -- The attributes that begin here: raw names and values in turn, in `raw`, and how many these are. The next element
  -- uses it again, so values are taken out.
  local function raw_attributes()
    local count = 0
    while true do
      local from = after_blanks(bytes, at, size)
      if from >= size then malformed() end
      if bytes[from] == GT or bytes[from] == SLASH then
        at = from
        return count
      end
      local finish = after_name(bytes, from, size)
      if finish == from or from == at then malformed() end
      if count >= 2 * MOST_ATTRIBUTES then wrong("attributes", "an element has more than " .. MOST_ATTRIBUTES .. " attributes") end
      local equals = after_blanks(bytes, finish, size)
      if equals >= size or bytes[equals] ~= EQUALS then malformed() end
      local quote = after_blanks(bytes, equals + 1, size)
      if quote >= size then malformed() end
      local behind = after_value(bytes, quote, size, size)
      if not behind then malformed() end
      local value = ffi.string(bytes + quote + 1, behind - quote - 2)
      if has_control(quote + 1, behind - 1) then value = value:gsub("\r\n", " "):gsub("[\t\r\n]", " ") end
      raw[count + 1], raw[count + 2], count = ffi.string(bytes + from, finish - from), decoded(value), count + 2
      at = behind
    end
  end

  -- The attributes with their namespaces, without those that declare some.
  local function attributes_here()
    local count = raw_attributes()
    if count == 0 then return NONE, 0 end
    local seen, others = count > 2 and {}, 0
    for i = 1, count, 2 do
      local name, value = raw[i], raw[i + 1]
      if seen then
        if seen[name] then malformed() end
        seen[name] = true
      end
      if name == "xmlns" then
        declare("", value)
        raw[i + 1] = false
      elseif name:sub(1, 6) == "xmlns:" then
        local _, prefix = split_name(name)
        declare(prefix, value)
        raw[i + 1] = false
      else
        others = others + 1
      end
    end
    if others == 0 then return NONE, 0 end
    local given, known_keys = {}, {}
    for i = 1, count, 2 do
      local name, value = raw[i], raw[i + 1]
      if value then
        raw[i + 1] = false
        local prefix, rest = split_name(name)
        local uri = prefix == "" and "" or meant(prefix)
        if not uri then wrong("namespace", "the prefix of an attribute is not declared") end
        local key = key_of(uri, rest)
        if known_keys[key] then malformed() end
        known_keys[key] = true
        given[#given + 1] = { uri = uri, name = rest, key = key, value = value }
      end
    end
    return given, #given
  end

  local function check_plain(attributes, count)
    for i = 1, count do
      if attributes[i].uri == "" then wrong("envelope", "the envelope has an attribute without a namespace") end
    end
  end

  local function open_envelope(uri, name)
    envelope, version = uri, ENVELOPES[uri]
    if name ~= "Envelope" or not version then wrong("envelope", "the body is no SOAP envelope") end
  end

  local function open_part(uri, name)
    if uri ~= envelope or (name ~= "Header" and name ~= "Body") then wrong("envelope", "the envelope holds something else than Header and Body") end
    if has_body then wrong("envelope", "something stands behind the Body") end
    if name == "Header" then
      if has_header then wrong("envelope", "there are two Headers") end
      has_header = true
    else
      has_body = true
    end
    part = name
  end

  -- Attributes of SOAP's own stand on every block of the header.
  local function open_block(uri, key, name, attributes, count)
    if uri == "" or uri == envelope then wrong("header", "a block of the Header has no namespace of its own") end
    local own = {}
    for i = 1, count do
      if attributes[i].uri ~= envelope then own[#own + 1] = attributes[i] end
    end
    begin_content()
    open_element(uri, key, name, own, #own, meant, nil, "lax")
  end

  local function is_meant(one) return action == "" and not one[4] or action ~= "" and action == one[2] end

  -- The one operation that has this first element, and this action where the caller names one.
  local function operation_of(key)
    local entries = known.operations[version][key]
    if not entries then
      wrong("operation", key == "" and "the Body is empty" or "no operation has the element " .. key:match("([^}]*)$"))
    end
    if entries[0] == 1 and is_meant(entries[1]) then return entries[1] end
    local found
    for i = 1, entries[0] do
      local one = entries[i]
      if is_meant(one) then
        if found and found[3] ~= one[3] then wrong("action", "the action has to say which operation is meant") end
        found = one
      end
    end
    if not found and action == "" then wrong("action", "the action is missing") end
    return found or wrong("action", "the action is not that of the operation " .. entries[1][1])
  end

  local function open_body(uri, key, name, attributes, count)
    if operation then wrong("body", "the Body holds more than one element") end
    operation = operation_of(key)
    begin_content()
    return open_element(uri, key, name, attributes, count, meant, operation[3])
  end

  local function go_deeper(length)
    if depth == 0 and has_root then malformed() end
    has_root, depth = true, depth + 1
    if depth > DEEPEST then wrong("depth", "elements lie more than " .. DEEPEST .. " deep in each other") end
    open[depth], open_size[depth], marks[depth] = at + 1, length, changes()
  end

  local function open_named(uri, key, name, attributes, count)
    if depth > 3 then return open_element(uri, key, name, attributes, count, meant) end
    if depth == 1 then open_envelope(uri, name) end
    if depth == 2 then open_part(uri, name) end
    if depth <= 2 then return check_plain(attributes, count) end
    if part == "Header" then return open_block(uri, key, name, attributes, count) end
    return open_body(uri, key, name, attributes, count)
  end

  -- Tags that have no attributes but declarations, each by its whole text: callers write the same ones again and again.
  local tags, kept_tags = {}, 0

  local function keep_tag(text, prefix, name, ending, is_empty)
    local declared = declared_since(marks[depth])
    tags[text] = { prefix = prefix, name = name, ending = ending, declared = declared, is_empty = is_empty }
    kept_tags = kept_tags + 1
  end

  local function open_known(tag, behind)
    local ending, declared, prefix = tag.ending, tag.declared, tag.prefix
    go_deeper(#ending - 3)
    at = behind
    endings[depth] = ending
    if declared then declare_all(declared) end
    local uri, name = uri_of(prefix), tag.name
    return open_named(uri, key_of(uri, name), name, NONE, 0)
  end

  -- Its prefix, the rest of its name, what ends it, and how many attributes it has that declare nothing.
  local function open_tag()
    local finish = after_name(bytes, at + 1, size)
    if finish == at + 1 then malformed() end
    local from, length = at + 1, finish - at - 1
    go_deeper(length)
    at = finish
    local attributes, count = attributes_here()
    local prefix, name, ending = split_name(ffi.string(bytes + from, length))
    endings[depth] = ending
    local uri = uri_of(prefix)
    open_named(uri, key_of(uri, name), name, attributes, count)
    return prefix, name, ending, count
  end

  local function close_tag()
    if depth > 2 then
      close_element(meant)
    elseif depth == 2 and part == "Body" and not operation then
      operation = operation_of("")
    end
    if changes() > marks[depth] then undo_changes(marks[depth]) end
    depth = depth - 1
  end

  local function read_known(tag, finish)
    if not tag.is_empty then return open_known(tag, finish) end
    open_known(tag, finish)
    close_tag()
  end

  local function read_start()
    local finish = find(message, ">", at + 2, true) or size + LONGEST_TAG
    local text = finish - at <= LONGEST_TAG and sub(message, at + 1, finish)
    local tag = text and tags[text]
    if tag then return read_known(tag, finish) end
    local prefix, name, ending, count = open_tag()
    local is_empty = bytes[at] == SLASH
    if is_empty then
      at = at + 1
      if at >= size or bytes[at] ~= GT then malformed() end
    end
    at = at + 1
    if count == 0 and text and at == finish and kept_tags < MOST_KEPT then keep_tag(text, prefix, name, ending, is_empty) end
    if is_empty then close_tag() end
  end

  local function read_end()
    if depth == 0 then malformed() end
    local ending = endings[depth]
    local behind = at + #ending
    if sub(message, at + 1, behind) == ending then
      at = behind
      return close_tag()
    end
    local from, begin, length = at + 2, open[depth], open_size[depth]
    if from + length >= size then malformed() end
    for i = 0, length - 1 do
      if bytes[from + i] ~= bytes[begin + i] then malformed() end
    end
    -- A longer name begins with this one: then no end of the tag stands here.
    at = after_blanks(bytes, from + length, size)
    if at >= size or bytes[at] ~= GT then malformed() end
    at = at + 1
    close_tag()
  end

  local function give(text)
    if text == "" then return end
    if depth > 2 then return add_text(text) end
    if not is_blank_alone(text) then
      if depth == 0 then malformed() end
      wrong("envelope", "text stands between the parts of the envelope")
    end
  end

  local function read_plain_text()
    local from = at + 1
    at = (find(message, "<", from, true) or size + 1) - 1
    return give(sub(message, from, at))
  end

  local function read_text()
    if is_plain then return read_plain_text() end
    local from, i, is_as_written = at, at, true
    while i < size and bytes[i] ~= LT do
      local byte = bytes[i]
      if byte == AMP then
        i, is_as_written = depth > 0 and after_reference(bytes, i, size) or malformed(), false
      else
        if byte == RETURN then is_as_written = false end
        if kinds[byte] == 8 or (byte == CLOSE and is_at(bytes, i, size, "]]>")) then malformed() end
        i = i + 1
      end
    end
    at = i
    local text = ffi.string(bytes + from, i - from)
    give(is_as_written and text or decoded(text))
  end

  local function read_bang()
    if is_at(bytes, at, size, "<!--") then
      at = after_comment(bytes, at + 4, size, size) or malformed()
    elseif depth > 0 and is_at(bytes, at, size, "<![CDATA[") then
      local from = at + 9
      at = after_word(bytes, from, size, "]]>") or malformed()
      local text = ffi.string(bytes + from, at - 3 - from)
      if depth <= 2 then wrong("envelope", "text stands between the parts of the envelope") end
      give((text:gsub("\r\n?", "\n")))
    elseif is_at(bytes, at, size, "<!DOCTYPE") then
      wrong("doctype", "a document type is never accepted")
    else
      malformed()
    end
  end

  local function begin(text, said)
    message, bytes, size, depth, has_root = text, ffi.cast(BYTES, text), #text, 0, false
    local is_well, has_controls = is_sound(bytes, size)
    if not is_well then malformed() end
    is_plain = not has_controls and not find(text, "&", 1, true) and not find(text, "]]>", 1, true)
    begin_names(not is_at_rest)
    if not is_at_rest then raw = {} end
    is_at_rest = false
    if kept_tags >= MOST_KEPT then tags, kept_tags = {}, 0 end
    envelope, version, action, part, operation = nil, nil, said, nil, nil
    has_body, has_header = false, false
    at = is_at(bytes, 0, size, "\239\187\191") and 3 or 0
    -- In XML 1.1 other characters are blanks, too.
    if head_of(text):find("<%?xml%s+version%s*=%s*[\"']1%.[^0]") then wrong("version", "XML 1.0 is read, and no other") end
    at = after_declaration(bytes, at, size) or malformed()
  end

  local function walk(wanted)
    local text = message
    while at < size do
      local second = byte(text, at + 1) == LT and byte(text, at + 2)
      if second == SLASH then
        read_end()
      elseif second == BANG then
        read_bang()
      elseif second == QUESTION then
        wrong("instruction", "a SOAP message has no processing instructions")
      elseif second then
        read_start()
        if depth == 1 and version ~= wanted then wrong("version", "the envelope is not of the version that the content type says") end
      elseif second == nil then
        malformed()
      else
        read_text()
      end
    end
    if depth > 0 or not has_root then malformed() end
    if not has_body then wrong("envelope", "the envelope has no Body") end
    is_at_rest = true
  end

  -- `wanted` is the version that the media type says; `said` the action, "" where none is said. True; or false and what
  -- is wrong.
  judge_message = function(text, wanted, said)
    local ok, found = pcall(begin, text, said)
    if ok then ok, found = pcall(walk, wanted) end
    message, bytes = nil, nil
    return ok, found
  end
end
