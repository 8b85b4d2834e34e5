-- Whose key a request has. settings: header, query (the name of one, the other nil), salt and consumers ({DIGEST =
-- NAME}, of the salt and the key), or contracts with contracts.lua before this file.

local LONGEST_KEY = 255

local function decoded(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- The path, the parameters of the query that are no keys, and the keys among them.
local function divided(handle)
  local path, query = handle:headers():get(":path"):match("^([^?]*)%??(.*)$")
  local others, keys = {}, {}
  for pair in query:gmatch("[^&]+") do
    local name, value = pair:match("^([^=]*)=?(.*)$")
    local into = decoded(name) == settings.query and keys or others
    into[#into + 1] = into == keys and decoded(value) or pair
  end
  return path, others, keys
end

local function key_of(handle)
  if settings.header then return handle:headers():get(settings.header) or "" end
  local _, _, keys = divided(handle)
  if #keys > 1 then return nil, "key: there are several" end
  return keys[1] or ""
end

-- Whose the key is, and what is counted for it; nil and why it is nobody's.
local function known(key)
  if #key > LONGEST_KEY then return nil, "is nobody's" end
  if settings.consumers then
    local name = settings.consumers[sha256(settings.salt .. key)]
    if name then return name, name end
    return nil, "is nobody's"
  end
  local contract, why = contract_of(key)
  if not contract then return nil, why end
  return contract.application, label_of(contract)
end

-- The name of the caller, its key, and the label by which it is counted; nil and the reason where the key is nobody's.
local function consumer_of(handle)
  local key, reason = key_of(handle)
  if not key then return nil, reason end
  if key == "" then return nil, "key: there is none" end
  local name, told = known(key)
  if not name then return nil, "key: " .. masked(key) .. " " .. told end
  return name, key, told
end
