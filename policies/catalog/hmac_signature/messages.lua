-- HTTP Message Signatures (RFC 9421): what the request is signed with, and the text that was signed.

-- Of the request's target: path and query, which is "" or begins with its mark.
local function path_and_query(target)
  local mark = target:find("?", 1, true)
  if not mark then return target, "" end
  return target:sub(1, mark - 1), target:sub(mark)
end

local DERIVED = {
  ["@method"] = function(headers) return headers:get(":method") end,
  ["@authority"] = function(headers) return (headers:get(":authority") or ""):lower() end,
  ["@scheme"] = function(headers) return (headers:get(":scheme") or ""):lower() end,
  ["@request-target"] = function(_, target) return target end,
  ["@target-uri"] = function(headers, target) return headers:get(":scheme") .. "://" .. headers:get(":authority") .. target end,
  ["@path"] = function(_, target) return (path_and_query(target)) end,
  ["@query"] = function(_, target)
    local _, query = path_and_query(target)
    return query == "" and "?" or query
  end,
}

local SPACES, IN_NAMES = bytes_in(" "), bytes_in("@-_.", "%w")
local BEGINS_KEYS, IN_KEYS = bytes_in("*", "%l"), bytes_in("*_-.", "[%l%d]")
local IN_TOKENS = bytes_in("-.:/?*", "%w")
local AT, OPENS, CLOSES, QUOTE, SEMICOLON, EQUALS, COMMA = 64, 40, 41, 34, 59, 61, 44

-- Behind the key that begins here; nil where none does.
local function after_key(text, at)
  return BEGINS_KEYS[text:byte(at)] and after(text, at + 1, IN_KEYS) or nil
end

-- The names in "(...)" at a place, and the place behind it.
local function names_at(text, at)
  local names, count = {}, 0
  if text:byte(at) ~= OPENS then return nil end
  at = after(text, at + 1, SPACES)
  while count <= MOST_PARTS do
    local byte = text:byte(at)
    if byte == CLOSES then return names, at + 1 end
    local finish = after(text, at + 1, IN_NAMES)
    if byte ~= QUOTE or finish == at + 1 or text:byte(finish) ~= QUOTE then return nil end
    names[count + 1], count = text:sub(at + 1, finish - 1), count + 1
    at = after(text, finish + 1, SPACES)
  end
end

-- The value that stands behind "=" here, and the place behind it; nil where there is none.
local function value_at(text, at)
  if text:byte(at) ~= EQUALS then return nil end
  at = at + 1
  if text:byte(at) == QUOTE then
    local finish = text:find('"', at + 1, true)
    local value = finish and text:sub(at + 1, finish - 1)
    if not value or value:find("\\", 1, true) then return nil end
    return value, finish + 1
  end
  local finish = after(text, at, IN_TOKENS)
  if finish == at then return nil end
  return text:sub(at, finish - 1), finish
end

-- The parameters behind it.
local function parameters_at(text, at)
  local found = {}
  while text:byte(at) == SEMICOLON do
    local from = after(text, at + 1, SPACES)
    local behind = after_key(text, from)
    if not behind then return nil end
    local name = text:sub(from, behind - 1)
    if found[name] then return nil end
    local value, over = value_at(text, behind)
    found[name], at = value or "?1", over or behind
  end
  return found, at
end

-- Behind the comma that may stand here between blanks, or behind the end; nil where something else does.
local function after_comma(text, at)
  at = after(text, at, BLANKS)
  return (at > #text or text:byte(at) == COMMA) and at + 1 or nil
end

-- The signatures that the request names, in their order: {label, names, parameters, text}.
local function named(text)
  local found, at = {}, 1
  while at <= #text and #found < MOST_PARTS do
    local from = after(text, at, BLANKS)
    local equals = after_key(text, from)
    if not equals or text:byte(equals) ~= EQUALS then return nil end
    local names, behind = names_at(text, equals + 1)
    if not names then return nil end
    local parameters, over = parameters_at(text, behind)
    if not parameters then return nil end
    found[#found + 1] = {
      label = text:sub(from, equals - 1),
      names = names,
      parameters = parameters,
      text = text:sub(equals + 1, over - 1),
    }
    at = after_comma(text, over)
    if not at then return nil end
  end
  return found
end

-- What `named` gives of a text, remembered: who signs several requests in a second sends the same one with each.
local MOST_KNOWN = 64
local known, count = {}, 0

local function known_of(text)
  local found = known[text]
  if found == nil then
    found = named(text) or false
    if count >= MOST_KNOWN then known, count = {}, 0 end
    known[text], count = found, count + 1
  end
  return found
end

-- The bytes under a label of a dictionary such as Signature. Where it stands there twice, the last one counts.
local function bytes_under(text, label)
  local found, at, begin = nil, 1, label .. "=:"
  while at <= #text do
    local from = after(text, at, BLANKS)
    local comma = text:find(",", from, true) or #text + 1
    if text:sub(from, from + #begin - 1) == begin then
      local finish = text:find(":", from + #begin, true)
      if finish and after(text, finish + 1, BLANKS) == comma then found = unbase64(text:sub(from + #begin, finish - 1)) end
    end
    at = comma + 1
  end
  return found
end

local function base_of(headers, target, one)
  local lines, covers, names = {}, {}, one.names
  for i = 1, #names do
    local name, value = names[i], nil
    if covers[name] then return nil, name .. " is named twice" end
    if name:byte(1) == AT then
      value = DERIVED[name] and DERIVED[name](headers, target)
      if not value then return nil, name .. " is no part of a request that is known here" end
    else
      value = name == name:lower() and joined(headers, name)
      if not value then return nil, "there is no header " .. name end
    end
    lines[i], covers[name] = '"' .. name .. '": ' .. value, true
  end
  lines[#lines + 1] = '"@signature-params": ' .. one.text
  return table.concat(lines, "\n"), covers
end

-- Whether method, path and query are covered; else what is not.
local function uncovered(target, covers)
  if not covers["@method"] then return "@method" end
  if covers["@target-uri"] or covers["@request-target"] then return nil end
  if not covers["@path"] then return "@path" end
  local _, query = path_and_query(target)
  return query ~= "" and not covers["@query"] and "@query" or nil
end

local function covers_header(covers, name)
  return covers[name] or name == "host" and (covers["@authority"] or covers["@target-uri"])
end

-- {key, name, base, code, covers, created, expires}; nil and the reason where it is not signed so that it can be checked.
local function signed(headers, key_of)
  local input, code = joined(headers, "signature-input"), joined(headers, "signature")
  if not input or not code then return nil, "signature: there is none" end
  if #input > LONGEST or #code > LONGEST then return nil, "signature: it is too long" end
  local all = known_of(input)
  if not all or #all == 0 then return nil, "signature: Signature-Input cannot be read" end
  local one, key
  for i = 1, #all do
    one = all[i]
    local id = one.parameters.keyid
    key = id and key_of(id)
    if key then break end
  end
  local told = one.parameters
  if not key then return nil, "key: " .. (told.keyid or "nothing") .. " is nobody's" end
  if told.alg and told.alg ~= "hmac-sha256" then return nil, "algorithm: it is " .. told.alg end
  local target = headers:get(":path")
  local base, covers = base_of(headers, target, one)
  if not base then return nil, "parts: " .. covers end
  local missing = uncovered(target, covers)
  if missing then return nil, "parts: " .. missing .. " is not signed" end
  return {
    key = key,
    name = told.keyid,
    base = base,
    code = bytes_under(code, one.label) or "",
    covers = covers,
    created = told.created,
    expires = told.expires,
    digest = "content-digest",
  }
end

-- The SHA-256 among the digests of the body.
local function digest_in(text) return bytes_under(text, "sha-256") end

local ACCEPTED = 'sig1=("@method" "@target-uri"%s);created;keyid;alg="hmac-sha256"'
local function accepted()
  local more = {}
  for i, name in ipairs(settings.headers) do more[i] = ' "' .. name .. '"' end
  return "accept-signature", ACCEPTED:format(table.concat(more))
end
