-- Collects what a request brings, in texts of one line each, for RE2 to look at. settings: url, headers, names, body.

local PASSED = { ":path", ":method", ":authority", ":scheme" }
local PLAIN = "^[%d%s%[%]{}:,.+%-truefalsnE]*$"
local BINARY = { "^image/", "^audio/", "^video/", "^font/", "^application/grpc", "^application/octet%-stream",
  "^application/zip", "^application/gzip", "^application/pdf", "^application/x%-protobuf", "^application/protobuf" }
for i, name in ipairs(PASSED) do PASSED[name] = i end

-- Encodings in which a byte below 128 is that character, or stands beside zeros, which are passed over. In any other,
-- what is harmless here may be an attack there.
local CHARSETS = { "^utf%-?8$", "^utf%-?16", "^utf%-?32", "^us%-ascii$", "^ascii$", "^iso%-8859%-%d+$", "^latin%-?%d$",
  "^windows%-%d+$", "^cp125%d$", "^koi8", "^gb", "^big5", "^shift_jis$", "^euc%-" }

-- The encoding that is said, where it is none of these.
local function unknown_charset(kind)
  for charset in kind:gmatch("charset%s*=%s*[\"']?([^%s;,\"']+)") do
    local is_known = false
    for _, one in ipairs(CHARSETS) do is_known = is_known or charset:find(one) ~= nil end
    if not is_known then return charset end
  end
end

local function spaced(text) return (text:gsub("+", " ")) end

-- Pairs of a query or a form, each in one text: `name=value`.
local function add_pairs(into, text)
  local is_decoded, values, again = true, {}, {}
  for pair in text:gmatch("[^&]+") do
    is_decoded = add(into, spaced(pair)) and is_decoded
    local name, value = pair:match("^([^=]*)=?(.*)$")
    if name:find("%", 1, true) then name = once(name) end
    if values[name] then
      again[name] = again[name] or { values[name] }
      table.insert(again[name], value)
    end
    values[name] = value
    -- Readers that take it for another character than a blank are not to be surprised.
    if pair:find("+", 1, true) then is_decoded = add(into, pair) and is_decoded end
  end
  -- Of a name that comes several times some servers make one value, with commas.
  for _, several in pairs(again) do
    is_decoded = add(into, spaced(table.concat(several, ","))) and is_decoded
  end
  return is_decoded
end

local function add_url(into, path)
  local at = path:find("?", 1, true)
  local is_decoded = add(into, at and path:sub(1, at - 1) or path)
  if at then return add_pairs(into, path:sub(at + 1)) and is_decoded end
  return is_decoded
end

local function is_named(name)
  local plain = name:gsub("_", "-")
  for _, one in ipairs(settings.names) do
    if one:gsub("_", "-") == plain then return true end
  end
  return false
end

local function add_headers(into, headers)
  local is_decoded = true
  if settings.names then
    for _, name in ipairs(settings.names) do
      local value = headers:get(name)
      if value then is_decoded = add(into, value) and is_decoded end
    end
    -- To CGI x_note is x-note.
    for name, value in pairs(headers) do
      if name:find("_", 1, true) and is_named(name) then is_decoded = add(into, value) and is_decoded end
    end
    return is_decoded
  end
  for name, value in pairs(headers) do
    if not PASSED[name] then is_decoded = add(into, value) and is_decoded end
  end
  return is_decoded
end

-- Names and values between quotes; where something else stands between them, all of it is looked at as it is, since
-- lenient readers take other quotes, or none.
local function add_json(into, text)
  local is_decoded, is_plain, from = true, true, 1
  local open = text:find('"', 1, true)
  while open do
    is_plain = is_plain and text:sub(from, open - 1):find(PLAIN) ~= nil
    local close = open + 1
    while true do
      close = text:find('["\\]', close)
      if not close or text:byte(close) == 34 then break end
      close = close + 2
    end
    is_decoded = add(into, unescaped(text:sub(open + 1, (close or #text + 1) - 1))) and is_decoded
    from = (close or #text) + 1
    open = text:find('"', from, true)
  end
  if is_plain and text:sub(from):find(PLAIN) then return is_decoded end
  return add(into, text) and is_decoded
end

-- Elements that are no data where a browser sees them.
local QUOTED = { '="([^"]*)"', "='([^']*)'", '=%s+"([^"]*)"', "=%s+'([^']*)'" }
local ACTIVE = { script = true, iframe = true, svg = true, img = true, embed = true }

local function is_binary(kind)
  -- Of several, nobody knows which the upstream goes by.
  if kind:find(",", 1, true) then return false end
  if kind:find("^image/svg") or kind:find("json", 1, true) or kind:find("xml", 1, true) then return false end
  for _, one in ipairs(BINARY) do
    if kind:find(one) then return true end
  end
  return false
end

local MOST_PARTS = 1000

-- Whether a part is a file of a kind that is not looked at. One of which readers could differ is looked at: whose lines do not
-- end alike, that says something twice, or something else than its name and its file's.
local function is_passed_over(head)
  local plain, said = head:gsub("\r\n", "\n"), {}
  if select(2, head:gsub("[\r\n]", "")) ~= 2 * select(2, plain:gsub("\n", "")) then return false end
  for line in plain:gmatch("[^\n]+") do
    local name, value = line:match("^([%w-]+):(.*)$")
    if not name or said[name] then return false end
    said[name] = value
  end
  local disposition = said["content-disposition"] or ""
  if disposition:find("\\", 1, true) then return false end
  disposition = disposition:gsub('"[^"]*"', '""')
  return disposition:find(";%s*filename%*?=") ~= nil and is_binary((said["content-type"] or ""):match("^%s*(.*)$"))
end

-- One part: what it says of itself, and its value, save a file's of a kind that is not looked at where that is sure.
local function add_part(into, part, is_sure)
  local from, to = part:find("\r\n\r\n", 1, true)
  if not from then from, to = part:find("\n\n", 1, true) end
  if not from then return add(into, part) end
  local head = part:sub(1, from - 1)
  local is_decoded = add(into, head)
  head = head:lower()
  -- Some servers undo these, and most take the part as it is.
  local coding = head:match("content%-transfer%-encoding:%s*([^%s;]*)")
  if coding and coding ~= "7bit" and coding ~= "8bit" and coding ~= "binary" then return false end
  if unknown_charset(head) then return false end
  if is_sure and to - from == 3 and is_passed_over(head) then return is_decoded end
  local value = part:sub(to + 1)
  return add(into, value:sub(-2) == "\r\n" and value:sub(1, -3) or value) and is_decoded
end

-- Content types whose boundary everybody reads alike.
local ONE_BOUNDARY = { '^multipart/[%w.+-]+%s*;%s*boundary="[%w_\'()+,./:=? -]+"%s*$',
  "^multipart/[%w.+-]+%s*;%s*boundary=[%w_'+./:?-]+%s*$" }

-- Whether a boundary stands in a line of its own, as everybody wants it who reads one there.
local function is_line(text, first, last)
  return (first == 1 or text:sub(first - 2, first - 1) == "\r\n") and text:find("^[ \t]*\r\n", last + 1) ~= nil
end

-- Nothing but such files is passed over, whatever stands before, between and behind the parts.
local function add_multipart(into, kind, text)
  local boundary = kind:match('[bB][oO][uU][nN][dD][aA][rR][yY]="([^"]+)"')
    or kind:match('[bB][oO][uU][nN][dD][aA][rR][yY]=([^;,%s"]+)')
  if not boundary then return add(into, text) end
  local lower, is_decoded, from, parts, is_sure = kind:lower(), true, 1, 0, false
  local is_one = lower:find(ONE_BOUNDARY[1]) or lower:find(ONE_BOUNDARY[2])
  while from <= #text do
    local first, last
    parts = parts + 1
    if parts < MOST_PARTS then first, last = text:find("--" .. boundary, from, true) end
    is_decoded = add_part(into, text:sub(from, (first or #text + 1) - 1), is_sure) and is_decoded
    is_sure = is_one and first and is_line(text, first, last)
    from = (last or #text) + 1
  end
  return is_decoded
end

-- A tag of which nothing is left but its name when its attributes are taken out.
local function is_plain_tag(inner)
  inner = inner:gsub('%s[%w:._-]+%s*=%s*"[^"]*"', ""):gsub("%s[%w:._-]+%s*=%s*'[^']*'", "")
  return inner:find("^/?[%w:._-]+%s*/?$") ~= nil or inner:find("^%?xml%s*%?$") ~= nil
end

-- What stands between tags, and the quoted values in them; a tag that is more than its name and these, as a whole, too:
-- who reads no XML takes it for a text.
local function add_xml(into, text)
  local is_decoded, from = true, 1
  while from <= #text do
    local open = text:find("<", from, true) or #text + 1
    if open > from then is_decoded = add(into, text:sub(from, open - 1)) and is_decoded end
    local head, close = 1, nil
    if text:sub(open, open + 8) == "<![CDATA[" then
      head, close = 9, text:find("]]>", open, true)
    elseif text:sub(open, open + 3) == "<!--" then
      head, close = 4, text:find("-->", open + 4, true)
    else
      close = text:find(">", open, true)
    end
    local inner = text:sub(open + head, (close or #text + 1) - 1)
    if head > 1 then
      is_decoded = add(into, inner) and is_decoded
    else
      local name = (inner:match("^/?(%a+)") or ""):lower()
      local is_plain = inner == "" or is_plain_tag(inner)
      if not is_plain then is_decoded = add(into, inner) and is_decoded end
      if not is_plain or ACTIVE[name] then is_decoded = add(into, "<" .. inner .. ">") and is_decoded end
      for _, quoted in ipairs(QUOTED) do
        for value in inner:gmatch(quoted) do is_decoded = add(into, value) and is_decoded end
      end
    end
    from = (close or #text) + (head == 9 and 3 or head == 4 and 3 or 1)
  end
  return is_decoded
end
