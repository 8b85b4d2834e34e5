-- Walks through a SOAP message once: names are resolved, the envelope is checked, and what stands in it is given to
-- validate.lua as it comes. judge_message(text, version, action) raises what is wrong, as `wrong` does.

local judge_message, head_of
local ENVELOPES = {
  ["http://schemas.xmlsoap.org/soap/envelope/"] = "1.1",
  ["http://www.w3.org/2003/05/soap-envelope"] = "1.2",
}
do
  local DEEPEST, MOST_ATTRIBUTES, LONGEST_NAME, FEW_DECLARED = 256, 200, 512, 50
  -- Messages of a service have the same names: what came of one is kept. Callers may send any, so few are, and when
  -- there are as many the next message begins anew.
  local MOST_KEPT, LONGEST_KEPT = 500, 1000
  local NONE = {}
  local XML, XMLNS = "http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2000/xmlns/"
  local PLAIN = { lt = "<", gt = ">", amp = "&", quot = '"', apos = "'" }
  local BYTES, RETURN = ffi.typeof("const uint8_t *"), 13

  -- Of the message that is walked through.
  local bytes, size, at, depth, has_root
  local open, open_size, scope, marks, raw = {}, {}, {}, {}, {}
  local is_at_rest, is_large = true, false
  -- What prefixes stood for before elements that are open declared them: how many changed, which, and from what.
  local changed, prefixes_before, uris_before = 0, {}, {}
  local version, envelope, action, has_body, has_header, part, operation

  -- Where a declaration of XML may stand; "" where there is none, as in most messages.
  head_of = function(text)
    if text:byte(1) == LT and text:byte(2) ~= QUESTION then return "" end
    return text:sub(1, 200):find("<?xml", 1, true) and text:sub(1, 200) or ""
  end

  local function malformed() wrong("malformed", "the body is no XML") end

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

  -- The prefix and the rest of a name.
  local function divided(name)
    if #name > LONGEST_NAME then wrong("name", "a name is longer than " .. LONGEST_NAME .. " bytes") end
    local colon = name:find(":", 1, true)
    local rest = colon and name:sub(colon + 1) or name
    if not has_letters_of_names(name) or not has_letters_of_names(rest) then malformed() end
    if not colon then return "", name end
    if colon == 1 or not rest:find("^[%a_\128-\255][^:]*$") then malformed() end
    return name:sub(1, colon - 1), rest
  end

  local prefixes, rests, kept_names = {}, {}, 0

  local function split(name)
    local rest = rests[name]
    if rest then return prefixes[name], rest end
    local prefix
    prefix, rest = divided(name)
    if kept_names < MOST_KEPT then prefixes[name], rests[name], kept_names = prefix, rest, kept_names + 1 end
    return prefix, rest
  end

  local function meant(prefix)
    if prefix == "xml" then return XML end
    return scope[prefix]
  end

  local function declare(prefix, uri)
    local is_odd = prefix == "xmlns" or uri == XMLNS or (prefix == "xml") ~= (uri == XML) or (prefix ~= "" and uri == "")
    if is_odd then wrong("namespace", "a prefix is declared as it must not be") end
    if prefix == "xml" then return end
    changed = changed + 1
    if changed > FEW_DECLARED then is_large = true end
    prefixes_before[changed], uris_before[changed] = prefix, scope[prefix]
    scope[prefix] = uri ~= "" and uri or nil
  end

  local keys, kept_keys = {}, 0

  local function key_of(uri, name)
    if uri == "" then return name end
    local key = keys[uri] and keys[uri][name]
    if key then return key end
    key = "{" .. uri .. "}" .. name
    if #key > LONGEST_KEPT or kept_keys >= MOST_KEPT then return key end
    keys[uri] = keys[uri] or {}
    keys[uri][name], kept_keys = key, kept_keys + 1
    return key
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
        local _, prefix = split(name)
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
        local prefix, rest = split(name)
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

  -- The one operation that has this first element, and this action where the caller names one.
  local function operation_of(key)
    local entries = known.operations[version][key]
    if not entries then
      wrong("operation", key == "" and "the Body is empty" or "no operation has the element " .. key:match("([^}]*)$"))
    end
    local found
    for i = 1, entries[0] do
      local one = entries[i]
      local is_meant = action == "" and not one[4] or action ~= "" and action == one[2]
      if is_meant then
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
    open_element(uri, key, name, attributes, count, meant, operation[3])
  end

  local function open_tag()
    local finish = after_name(bytes, at + 1, size)
    if finish == at + 1 or (depth == 0 and has_root) then malformed() end
    has_root = true
    local from, length = at + 1, finish - at - 1
    local whole = ffi.string(bytes + from, length)
    depth, at = depth + 1, finish
    if depth > DEEPEST then wrong("depth", "elements lie more than " .. DEEPEST .. " deep in each other") end
    open[depth], open_size[depth], marks[depth] = from, length, changed
    local attributes, count = attributes_here()
    local prefix, name = split(whole)
    local uri = meant(prefix)
    if not uri then
      if prefix ~= "" then wrong("namespace", "the prefix of an element is not declared") end
      uri = ""
    end
    local key = key_of(uri, name)
    if depth == 1 then open_envelope(uri, name) end
    if depth == 2 then open_part(uri, name) end
    if depth <= 2 then
      check_plain(attributes, count)
    elseif depth > 3 then
      open_element(uri, key, name, attributes, count, meant)
    elseif part == "Header" then
      open_block(uri, key, name, attributes, count)
    else
      open_body(uri, key, name, attributes, count)
    end
  end

  local function close_tag()
    if depth > 2 then
      close_element(meant)
    elseif depth == 2 and part == "Body" and not operation then
      operation = operation_of("")
    end
    while changed > marks[depth] do
      scope[prefixes_before[changed]] = uris_before[changed]
      changed = changed - 1
    end
    depth = depth - 1
  end

  local function read_start()
    open_tag()
    if bytes[at] == SLASH then
      at = at + 1
      if at >= size or bytes[at] ~= GT then malformed() end
      close_tag()
    end
    at = at + 1
  end

  local function read_end()
    if depth == 0 then malformed() end
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

  local function read_text()
    local from, i, is_plain = at, at, true
    while i < size and bytes[i] ~= LT do
      local byte = bytes[i]
      if byte == AMP then
        i, is_plain = depth > 0 and after_reference(bytes, i, size) or malformed(), false
      else
        if byte == RETURN then is_plain = false end
        if kinds[byte] == 8 or (byte == CLOSE and is_at(bytes, i, size, "]]>")) then malformed() end
        i = i + 1
      end
    end
    at = i
    local text = ffi.string(bytes + from, i - from)
    give(is_plain and text or decoded(text))
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

  -- `wanted` is the version that the media type says; `said` the action, "" where none is said.
  judge_message = function(text, wanted, said)
    bytes, size, depth = ffi.cast(BYTES, text), #text, 0
    if not is_sound(bytes, size) then malformed() end
    -- A sound message leaves nothing that is declared.
    if not is_at_rest then scope, raw = {}, {} end
    is_at_rest, is_large, changed, has_root = false, false, 0, false
    if kept_names >= MOST_KEPT then prefixes, rests, kept_names = {}, {}, 0 end
    if kept_keys >= MOST_KEPT then keys, kept_keys = {}, 0 end
    envelope, version, action, part, operation = nil, nil, said, nil, nil
    has_body, has_header = false, false
    at = is_at(bytes, 0, size, "\239\187\191") and 3 or 0
    -- In XML 1.1 other characters are blanks, too.
    if head_of(text):find("<%?xml%s+version%s*=%s*[\"']1%.[^0]") then wrong("version", "XML 1.0 is read, and no other") end
    at = after_declaration(bytes, at, size) or malformed()
    while at < size do
      if bytes[at] ~= LT then
        read_text()
      elseif at + 1 >= size then
        malformed()
      elseif bytes[at + 1] == BANG then
        read_bang()
      elseif bytes[at + 1] == QUESTION then
        wrong("instruction", "a SOAP message has no processing instructions")
      elseif bytes[at + 1] == SLASH then
        read_end()
      else
        read_start()
        if depth == 1 and version ~= wanted then wrong("version", "the envelope is not of the version that the content type says") end
      end
    end
    if depth > 0 or not has_root then malformed() end
    if not has_body then wrong("envelope", "the envelope has no Body") end
    is_at_rest = not is_large
  end
end
