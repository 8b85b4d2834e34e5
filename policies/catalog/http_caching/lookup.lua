-- Answers a request from the store, or lets it pass and notes what the answer is to be kept by. Needs store.lua, rules.lua,
-- answer.lua. settings, beside those of store.lua: binding, key (an expression or nil), adds_path, adds_query,
-- is_private (each caller has answers of his own), ttl_ms, when (an expression; nil for GET and HEAD), heeds (whether Cache-Control of
-- requests counts), invalidation (a header's name or nil), may_invalidate (an expression or nil).

local NAMESPACE = "gatewright.http-caching"
local MOST_HEADERS, MOST_ROUTE = 8192, 600
local SAFE = { GET = true, HEAD = true, OPTIONS = true, TRACE = true, CONNECT = true }

-- The path as it was sent: two spellings of one path may be two to the upstream.
local function as_sent(handle) return handle:headers():get(":path"):match("^[^?]*") end

local plain_path, plain_uri = dw.requestPath, dw.requestUri

local function key_value(handle)
  dw.requestPath, dw.requestUri = as_sent, function(one) return one:headers():get(":path") end
  local ok, value = pcall(settings.key, handle)
  dw.requestPath, dw.requestUri = plain_path, plain_uri
  if not ok then error(value, 0) end
  return dw.text(value) or ""
end

-- With its length before it: it may hold what ends a part.
local function part(value) return #value .. ":" .. value end

-- Who calls, by all that says so.
local function caller(handle, headers)
  local told = (handle:streamInfo():dynamicMetadata():get("gatewright") or NONE).authentication or NONE
  local parts = { tostring(told.clientId), tostring(told.principal) }
  parts[3], parts[4] = headers:get("authorization") or "", headers:get("cookie") or ""
  for i = 1, 4 do parts[i] = part(parts[i]) end
  return table.concat(parts)
end

-- All that tells one answer from another; nil where it is too long.
local function key_of(handle, headers)
  local route, path = handle:streamInfo():routeName(), headers:get(":path")
  -- The last word of a route's name stands for its scripts.
  local parts = { route:sub(1, MOST_ROUTE):match("^(.*) ") or route, headers:get(":authority"):lower() }
  parts[3] = headers:get("x-forwarded-proto") or ""
  parts[4] = settings.adds_path and path:match("^[^?]*") or ""
  parts[5] = settings.adds_query and path:match("%?.*$") or ""
  parts[6] = settings.key and part(key_value(handle)) or ""
  parts[7] = settings.is_private and caller(handle, headers) or ""
  for i = 1, #UNKEYED do
    local value = headers:get(UNKEYED[i])
    if value then parts[#parts + 1] = UNKEYED[i] .. ":" .. value end
  end
  local key = table.concat(parts, "\n")
  return #key <= MOST_KEY and key or nil
end

-- Whether the request says who calls: what it is answered is for the caller alone, unless the answer says otherwise.
local function is_credentialed(handle, headers)
  if headers:get("authorization") then return true end
  local told = handle:streamInfo():dynamicMetadata():get("gatewright")
  return told ~= nil and told.authentication ~= nil
end

-- The headers as one text, for what the answer says that it varies by; nil where they are too long.
local function saved(headers)
  local values, again = {}, {}
  for name, value in pairs(headers) do
    if values[name] then again[name] = true end
    values[name] = value
  end
  for name in pairs(again) do values[name] = headers:get(name) end
  local lines, length = { "" }, 0
  for name, value in pairs(values) do
    if name:sub(1, 1) ~= ":" then
      lines[#lines + 1] = name .. ":" .. value
      length = length + #name + #value
    end
  end
  if length > MOST_HEADERS then return nil end
  lines[#lines + 1] = ""
  return table.concat(lines, "\n")
end

local function note(handle, token)
  handle:streamInfo():dynamicMetadata():set(NAMESPACE, settings.binding, token)
end

-- The word of the invalidation header, where the caller may give it. Nobody behind this sees the header.
local function order(handle, headers)
  local word = settings.invalidation and headers:get(settings.invalidation)
  if not word then return nil end
  headers:remove(settings.invalidation)
  if settings.may_invalidate and settings.may_invalidate(handle) ~= true then return nil end
  return word:lower()
end

local function has_body(headers)
  local length = headers:get("content-length")
  return (length ~= nil and length ~= "0") or headers:get("transfer-encoding") ~= nil
end

-- How long ago an answer may have ceased to be fresh, in ms: callers may take such ones.
local function back_ms(said)
  local told = said["max-stale"]
  return told and (told == true and FOREVER or seconds(told)) * 1000 or 0
end

-- Whether what is stored may be used as it is.
local function is_usable(entry, said, now, back)
  if now < entry.stored or said["no-cache"] or now - back >= entry.fresh_until then return false end
  if now >= entry.fresh_until and (entry.strict or now >= entry.stored + settings.ttl_ms) then return false end
  local most, least = seconds(said["max-age"]), seconds(said["min-fresh"])
  if most and entry.age + now - entry.stored >= most * 1000 + back then return false end
  return not least or entry.fresh_until - now >= least * 1000
end

-- Whether it may be given to this caller, of whom something is known, or who sends a cookie.
local function is_open_to(entry, is_known, has_cookie)
  if settings.is_private or entry.open then return true end
  return not is_known and (not has_cookie or entry.told)
end

-- Asks the upstream whether what is stored still holds, where the caller asked nothing of the kind.
local function asks_again(headers, entry)
  if headers:get("if-none-match") or headers:get("if-modified-since") then return false end
  local etag, modified = value_of(entry.head, "etag"), value_of(entry.head, "last-modified")
  if etag then headers:replace("if-none-match", etag) end
  if modified then headers:replace("if-modified-since", modified) end
  return etag ~= nil or modified ~= nil
end

local function said_by(headers)
  if not settings.heeds then return NONE end
  local text = headers:get("cache-control")
  if text then return directives(text) end
  return (headers:get("pragma") or ""):lower():find("no-cache", 1, true) and { ["no-cache"] = true } or NONE
end

-- For a caller who wants nothing else than what is stored.
local function not_stored()
  local reason = "only-if-cached: nothing is stored that answers the request"
  local headers = { ["cache-status"] = "gatewright; fwd=miss" }
  return { status = "504", error = "Nothing is stored that answers this request.", headers = headers, reason = reason }
end

-- What a request that only reads gets: headers and body, or a refusal; nothing where it goes on.
local function read_by(handle, headers, key, method)
  local said, now = said_by(headers), wall_ms()
  if said["no-store"] then return nil end
  local is_known, has_cookie = is_credentialed(handle, headers), headers:get("cookie") ~= nil
  local back = back_ms(said)
  local entry = find(key, function(name) return headers:get(name) end, now, back)
  if entry and not is_open_to(entry, is_known, has_cookie) then entry = nil end
  if entry and is_usable(entry, said, now, back) then return answer_of(headers, entry, method, now) end
  if said["only-if-cached"] then return not_stored() end
  if method == "HEAD" or headers:get("range") then return nil end
  local sent = saved(headers)
  if not sent then return nil end
  local token = { key = key, sent = sent, is_known = is_known, has_cookie = has_cookie, is_stale = entry ~= nil }
  token.era = era(key)
  token.asks = entry ~= nil and asks_again(headers, entry)
  note(handle, token)
end

-- Headers and body of the answer, or a refusal; nothing where the request goes on.
local function decide(handle)
  local headers = handle:headers()
  local method, word = headers:get(":method"), order(handle, headers)
  local is_read = method == "GET" or method == "HEAD"
  if word == "invalidate-all" then forget_all() end
  if headers:get("upgrade") or (SAFE[method] and not is_read) then return nil end
  local applies = not is_read or (not has_body(headers) and (not settings.when or settings.when(handle) == true))
  if not applies and word ~= "invalidate" then return nil end
  local key = key_of(handle, headers)
  if not key then return nil end
  if word == "invalidate" then forget(key) end
  if not is_read then return note(handle, { key = key, changes = true }) end
  if applies then return read_by(handle, headers, key, method) end
end

-- What fails costs the caching of this request and nothing else: it goes on.
function envoy_on_request(handle)
  local ok, headers, body = pcall(decide, handle)
  if not ok then
    handle:logErr(policy_name .. ": " .. settings.binding .. ": " .. tostring(headers))
  elseif headers and not body then
    answer(handle, headers)
  elseif headers then
    handle:streamInfo():dynamicMetadata():set("gatewright", "answered", policy_name)
    handle:respond(headers, body)
  end
end
