-- HTTP Message Signatures (RFC 9421): what the request is signed with, and the text that was signed.

local function path_and_query(headers)
  return headers:get(":path"):match("^([^?]*)(.*)$")
end

local DERIVED = {
  ["@method"] = function(headers) return headers:get(":method") end,
  ["@authority"] = function(headers) return (headers:get(":authority") or ""):lower() end,
  ["@scheme"] = function(headers) return (headers:get(":scheme") or ""):lower() end,
  ["@request-target"] = function(headers) return headers:get(":path") end,
  ["@target-uri"] = function(headers)
    return headers:get(":scheme") .. "://" .. headers:get(":authority") .. headers:get(":path")
  end,
  ["@path"] = function(headers) return (path_and_query(headers)) end,
  ["@query"] = function(headers)
    local _, query = path_and_query(headers)
    return query == "" and "?" or query
  end,
}

-- The names in "(...)" at a place, and the place behind it.
local function names_at(text, at)
  local names = {}
  at = text:match("^%( *()", at)
  while at and #names <= MOST_PARTS do
    local over = text:match("^%)()", at)
    if over then return names, over end
    local name, behind = text:match('^"([%w@%-_%.]+)" *()', at)
    names[#names + 1], at = name, behind
  end
end

-- The parameters behind it.
local function parameters_at(text, at)
  local found = {}
  while text:sub(at, at) == ";" do
    local name, behind = text:match("^; *([%l%*][%l%d_%-%.%*]*)()", at)
    if not name or found[name] then return nil end
    local value, over = text:match('^="([^"\\]*)"()', behind)
    if not value then value, over = text:match("^=([%w%-%.:/?*]+)()", behind) end
    found[name], at = value or "?1", over or behind
  end
  return found, at
end

-- The signatures that the request names, in their order: {label, names, parameters, text}.
local function named(text)
  local found, at = {}, 1
  while at <= #text and #found < MOST_PARTS do
    local label, from = text:match("^[ \t]*([%l%*][%l%d_%-%.%*]*)=()", at)
    if not label then return nil end
    local names, behind = names_at(text, from)
    if not names then return nil end
    local parameters, over = parameters_at(text, behind)
    if not parameters then return nil end
    found[#found + 1] = { label = label, names = names, parameters = parameters, text = text:sub(from, over - 1) }
    at = text:match("^[ \t]*,()", over) or text:match("^[ \t]*$", over) and #text + 1
    if not at then return nil end
  end
  return found
end

-- The bytes under a label of a dictionary such as Signature.
local function bytes_under(text, label)
  local found
  for piece in text:gmatch("[^,]+") do
    local name, value = piece:match("^[ \t]*([%l%*][%l%d_%-%.%*]*)=:([%w+/=]*):[ \t]*$")
    if name == label then found = unbase64(value) end
  end
  return found
end

local function base_of(headers, one)
  local lines, covers = {}, {}
  for i, name in ipairs(one.names) do
    if covers[name] then return nil, name .. " is named twice" end
    local value
    if name:sub(1, 1) == "@" then
      value = DERIVED[name] and DERIVED[name](headers)
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
local function uncovered(headers, covers)
  if not covers["@method"] then return "@method" end
  if covers["@target-uri"] or covers["@request-target"] then return nil end
  if not covers["@path"] then return "@path" end
  local _, query = path_and_query(headers)
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
  local all = named(input)
  if not all or #all == 0 then return nil, "signature: Signature-Input cannot be read" end
  local one, key
  for _, candidate in ipairs(all) do
    local id = candidate.parameters.keyid
    key = id and key_of(id)
    one = candidate
    if key then break end
  end
  local told = one.parameters
  if not key then return nil, "key: " .. (told.keyid or "nothing") .. " is nobody's" end
  if told.alg and told.alg ~= "hmac-sha256" then return nil, "algorithm: it is " .. told.alg end
  local base, covers = base_of(headers, one)
  if not base then return nil, "parts: " .. covers end
  local missing = uncovered(headers, covers)
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
