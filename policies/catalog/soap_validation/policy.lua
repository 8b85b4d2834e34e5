-- Refuses a request that is no SOAP message of the service, with a SOAP fault. settings: file, the service's table, or
-- why there is none in `missing`; encoding, of bodies, in small letters.

local NAMES = {
  ["utf-8"] = { ["utf-8"] = true, utf8 = true, ["us-ascii"] = true, ascii = true },
  ["us-ascii"] = { ["us-ascii"] = true, ascii = true },
  ["iso-8859-1"] = { ["iso-8859-1"] = true, latin1 = true, ["us-ascii"] = true, ascii = true },
}
local LONGEST_ACTION, MOST_WORDS = 1000, 200
local DOCUMENTS = { wsdl = true, singlewsdl = true, xsd = true }
local KINDS = { ["text/xml"] = "1.1", ["application/soap+xml"] = "1.2" }

-- Of the request that is decided about: its version of SOAP as far as it is known.
local told_version = "1.1"

local ESCAPED = { ["<"] = "&lt;", [">"] = "&gt;", ["&"] = "&amp;", ['"'] = "&quot;" }
local FAULTS = {
  ["1.1"] = { "text/xml; charset=utf-8", "soap:Client", "soap:Server",
    '<?xml version="1.0" encoding="UTF-8"?>\n<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
      .. '<soap:Fault><faultcode>%s</faultcode><faultstring>%s</faultstring></soap:Fault></soap:Body></soap:Envelope>' },
  ["1.2"] = { "application/soap+xml; charset=utf-8", "env:Sender", "env:Receiver",
    '<?xml version="1.0" encoding="UTF-8"?>\n<env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope"><env:Body>'
      .. '<env:Fault><env:Code><env:Value>%s</env:Value></env:Code><env:Reason><env:Text xml:lang="en">%s</env:Text>'
      .. '</env:Reason></env:Fault></env:Body></env:Envelope>' },
}

mode.written = function(with)
  local kind, client, server, body = unpack(FAULTS[told_version])
  local code = with.code and (client:match("^.*:") .. with.code) or with.status < "500" and client or server
  local words = with.error:sub(1, MOST_WORDS):gsub("[^\32-\126]", "?"):gsub('[<>&"]', ESCAPED)
  return body:format(code, words), kind
end

local function refused(check, words)
  return { status = "400", error = "The message does not fit the service: " .. words, reason = check .. ": " .. words }
end

local function loaded()
  local file = assert(io.open(settings.file, "rb"))
  local text = file:read("*a")
  file:close()
  local table, reason = json_value(text, math.huge)
  return assert(table, reason)
end

local function unquoted(text)
  -- As most write it.
  local inside = #text > 1 and text:byte(1) == 34 and text:byte(-1) == 34 and text:sub(2, -2)
  if inside and not inside:find('"', 1, true) then return inside end
  return text:match('^%s*"([^"]*)"%s*$') or text:match("^%s*(%S*)%s*$")
end

-- A parameter of the content type; a name that stands there twice gives nil and true.
local function parameter(kind, name)
  local found
  for part in kind:gsub('("[^"]*")', function(quoted) return (quoted:gsub(";", "\1")) end):gmatch("[^;]+") do
    local key, value = part:match("^%s*([%w-]+)=(.*)$")
    if key and key:lower() == name then
      if found then return nil, true end
      found = value:gsub("\1", ";"):match('^"([^"]*)"%s*$') or value:match("^(%S*)%s*$") or ""
    end
  end
  return found, false
end

-- What a content type says: media type, action and charset, and which of these stand there twice. Callers may send
-- any, so the last one alone is kept.
local last_kind, last_said

local function said_by(kind)
  if kind == last_kind then return last_said end
  local found = { media_type = kind:match("^%s*([^;%s]*)"):lower() }
  found.action, found.has_two_actions = parameter(kind, "action")
  found.charset, found.has_two_charsets = parameter(kind, "charset")
  last_kind, last_said = kind, found
  return found
end

-- Several values are one text with commas.
local function is_given_twice(headers, name, text)
  return text ~= nil and text:find(",", 1, true) ~= nil and headers:getNumValues(name) > 1
end

-- The action that the request names, "" for none; or nil and the refusal.
local function action_of(headers, kind)
  local said, given = said_by(kind), headers:get("soapaction")
  if said.has_two_actions or is_given_twice(headers, "soapaction", given) then
    return nil, refused("action", "the action is given twice")
  end
  local header = given and #given <= LONGEST_ACTION and unquoted(given)
  if given and not header then return nil, refused("action", "the header SOAPAction cannot be read") end
  local action = said.action or ""
  header = header or ""
  if action ~= "" and header ~= "" and action ~= header then return nil, refused("action", "two different actions are given") end
  return action ~= "" and action or header
end

-- The refusal of an encoding that is not the one of the service; nil where there is none.
local function charset_fault(kind, text)
  local said = said_by(kind)
  local head, usual = head_of(text), settings.encoding
  -- As most messages are.
  if not said.charset and not said.has_two_charsets and head == "" and usual == "utf-8" then return nil end
  local charset = said.charset or usual
  local declared = head ~= "" and head:match("^[^?]-<%?xml[^>]-encoding%s*=%s*[\"']([%w_.:-]+)[\"']") or usual
  local unknown = not NAMES[usual][charset:lower()] and charset or not NAMES[usual][declared:lower()] and declared
  if unknown then return refused("charset", unknown:sub(1, 40) .. " is not read; it is " .. usual) end
  local is_ascii = charset:lower():sub(-5) == "ascii" or declared:lower():sub(-5) == "ascii"
  if said.has_two_charsets or (is_ascii and text:find("[\128-\255]")) then return refused("charset", "the body is of another encoding than it says") end
end

local function in_two(byte)
  local code = byte:byte()
  return string.char(0xC0 + math.floor(code / 64), 0x80 + code % 64)
end

-- The same in UTF-8.
local function in_utf8(text)
  if settings.encoding ~= "iso-8859-1" then return text end
  local head = text:sub(1, 200):gsub("^(%s*<%?xml[^>]-encoding%s*=%s*[\"'])[%w_.:-]+", "%1utf-8", 1)
  return ((head .. text:sub(201)):gsub("[\128-\255]", in_two))
end

-- The service's own description is asked for so, and nothing else. In HTTP/2 no header tells of a body.
local function asks_for_document(handle, headers, method)
  if method ~= "GET" and method ~= "HEAD" then return false end
  local path = headers:get(":path")
  local mark = path:find("?", 1, true)
  local query = mark and path:sub(mark + 1)
  if not query or query:find("[&;#]") or headers:get("upgrade") then return false end
  if not DOCUMENTS[query:match("^[^=]*"):lower()] then return false end
  local body = handle:body()
  return not body or body:length() == 0
end

-- The version that the content type says; or nil and the refusal.
local function version_of(headers, kind)
  local plain = said_by(kind).media_type
  if plain:sub(1, 10) == "multipart/" then return nil, refused("attachments", "messages with attachments are not read") end
  local version = KINDS[plain]
  if not version or is_given_twice(headers, "content-type", kind) then
    return nil, refused("content-type", "text/xml (SOAP 1.1) or application/soap+xml (SOAP 1.2) is wanted")
  end
  return version
end

local described

local function judged(handle, headers, kind)
  local version, refusal = version_of(headers, kind)
  if not version then return refusal end
  local action
  action, refusal = action_of(headers, kind)
  if not action then return refusal end
  local text
  text, refusal = body_text(handle, kind, headers)
  -- Others were decided about while this body came.
  told_version = version
  if refusal then return refusal end
  if not text then return refused("body", "the message is missing") end
  refusal = charset_fault(kind, text)
  if refusal then return refusal end
  described = described or loaded()
  known, types, automata, steps = described, described.types, described.automata, 0
  if not known.operations[version] then
    local with = refused("version", "SOAP " .. version .. " is not what the service speaks")
    with.code = "VersionMismatch"
    return with
  end
  local ok, found = judge_message(in_utf8(text), version, action)
  if ok then return nil end
  if type(found) ~= "table" then error(found, 0) end
  return refused(found.check, found.words)
end

envoy_on_request = guarded(function(handle)
  local headers = handle:headers()
  local kind = headers:get("content-type") or ""
  local is_short = #kind <= LONGEST_ACTION
  told_version = is_short and KINDS[said_by(kind).media_type] or "1.1"
  if settings.missing then
    return { status = "500", error = "The description of the service is not at hand.", reason = "wsdl: " .. settings.missing }
  end
  local method = headers:get(":method")
  if asks_for_document(handle, headers, method) then return nil end
  if method ~= "POST" then return refused("method", "a message comes by POST") end
  if not is_short then return refused("content-type", "the content type is too long") end
  return judged(handle, headers, kind)
end)
