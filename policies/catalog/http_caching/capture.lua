-- Behind all policies: keeps what the upstream answered, as it came, where it may be kept. Needs store.lua, rules.lua,
-- answer.lua. settings, beside those of store.lua: binding, from (a header of the gateway's own that says where the answer
-- comes from, and how long the request's body is), ttl_ms, heeds (whether its headers say how long), statuses (the
-- default ones, else nil), wanted (an expression over the answer, else nil), is_private, keeps_cookies, wants_lifetime
-- (whether nothing is fresh that does not say how long).

local NAMESPACE, MOST_BODY, MOST_HEAD, MOST_UNDER_WAY = "gatewright.http-caching", 1048576, 16384, 32
-- What an upstream that only says "not modified" says of the body that it does not send.
local NOT_RENEWED = {
  ["content-encoding"] = true, ["content-md5"] = true, ["content-range"] = true, ["etag"] = true,
}
local OF_CONNECTION = {
  ["connection"] = true, ["keep-alive"] = true, ["proxy-authenticate"] = true, ["proxy-connection"] = true,
  ["te"] = true, ["trailer"] = true, ["transfer-encoding"] = true, ["upgrade"] = true, ["content-length"] = true,
  ["age"] = true, ["x-request-id"] = true, ["x-envoy-upstream-service-time"] = true,
}

-- Answers that are being gathered; one whose stream has ended is forgotten with the next collection.
local under_way, begun, collected = setmetatable({}, { __mode = "k" }), 0, nil

local function may_gather(parts)
  if begun >= MOST_UNDER_WAY then
    -- Once a second: callers who read slowly must not make every answer cost a collection.
    if os.time() == collected then return false end
    collected = os.time()
    collectgarbage()
    begun = 0
    for _ in pairs(under_way) do begun = begun + 1 end
    if begun >= MOST_UNDER_WAY then return false end
  end
  under_way[parts], begun = true, begun + 1
  return true
end

-- What the request's headers said, from the text in which they were kept.
local function reader(sent)
  return function(name) return value_of(sent, name) end
end

-- Headers that the answer says are for one connection.
local function named_in(text)
  local found = {}
  for name in (text or ""):gmatch("[^,%s]+") do found[name:lower()] = true end
  return found
end

local function lines_of(headers)
  local own, lines, length = named_in(headers:get("connection")), { "" }, 0
  for name, value in pairs(headers) do
    if name:sub(1, 1) ~= ":" and not OF_CONNECTION[name] and not own[name] then
      lines[#lines + 1] = name .. ":" .. value
      length = length + #name + #value + 2
    end
  end
  return lines, length
end

-- The names and values of the request's headers that the answer varies by; nil where nobody can tell.
local function variant(vary, sent)
  if not vary then return "" end
  local parts = {}
  for name in vary:lower():gmatch("[^,%s]+") do
    if name == "*" or #parts >= 16 then return nil end
    parts[#parts + 1] = name .. "\n" .. (sent(name) or "\1") .. "\n"
  end
  local text = table.concat(parts)
  return #text <= MOST_HEAD and text or nil
end

-- Whether the request has another spelling of a header that no key names, or that the answer varies by: to CGI x_user is
-- x-user, and so the answer may go by it.
local function is_spelled_otherwise(sent, vary)
  if not sent:find("_", 1, true) then return false end
  local heeded, varied = {}, {}
  for _, name in ipairs(UNKEYED) do heeded[name] = true end
  for name in vary:gmatch("([^\n]*)\n[^\n]*\n") do
    heeded[name:gsub("_", "-")], varied[name] = true, true
  end
  for name in sent:gmatch("\n([^:\n]+):") do
    if name:find("_", 1, true) and not varied[name] and heeded[name:gsub("_", "-")] then return true end
  end
  return false
end

local function is_wanted(handle, status)
  if settings.wanted then return settings.wanted(handle) == true end
  return settings.statuses[status] == true
end

-- Whether the caller was told apart by a policy, of those behind the cache too.
local function is_known(handle, token)
  if token.is_known then return true end
  local told = handle:streamInfo():dynamicMetadata():get("gatewright")
  return told ~= nil and told.authentication ~= nil
end

-- Whether the answer says itself how long it is to be used, and so that others may have it.
local function is_told(headers, said)
  return settings.heeds and (said["max-age"] or said["s-maxage"] or headers:get("expires")) ~= nil
end

-- Why the answer is not to be kept whatever it says of its time; nil where it may be.
local function obstacle(handle, headers, token, said, from, status)
  if status == 206 or status == 304 or status == 412 then return "partial" end
  -- Of HTTP/2 no header says that there is one, and some upstreams heed it, also when they answer before it has ended.
  if from:find(" [1-9]%d*$") or from:find("  %d+$") then return "body" end
  if said["no-store"] or said["private"] then return "private" end
  if not settings.keeps_cookies and headers:get("set-cookie") then return "set-cookie" end
  if not settings.is_private and not is_for_all(said) then
    if is_known(handle, token) then return "credentials" end
    if token.has_cookie and not is_told(headers, said) then return "cookie" end
  end
  local length = headers:get("content-length")
  if length and (tonumber(length) or MOST_BODY + 1) > MOST_BODY then return "size" end
  -- Its end would be the connection's, whole or cut off.
  if status ~= 204 and not length and not headers:get("transfer-encoding") and from:find("HTTP/1", 1, true) then return "no-length" end
  if (headers:get("content-type") or ""):find("text/event-stream", 1, true) then return "stream" end
  if not is_wanted(handle, status) then return "status" end
end

-- What is to be kept, without a body; nil and the reason where nothing is.
local function prepared(handle, headers, token, from, status)
  local said = directives(headers:get("cache-control"))
  local why = obstacle(handle, headers, token, said, from, status)
  if why then return nil, why end
  local now = wall_ms()
  local age, lifetime = age_ms(headers, now), settings.heeds and lifetime_ms(headers, said, now)
  local left = math.min(settings.ttl_ms, lifetime and lifetime - age or settings.ttl_ms)
  if (settings.heeds and said["no-cache"]) or (settings.wants_lifetime and not lifetime) then left = 0 end
  if left <= 0 and not headers:get("etag") and not headers:get("last-modified") then return nil, "stale" end
  local sent = reader(token.sent)
  local vary = variant(headers:get("vary"), sent)
  if not vary or is_spelled_otherwise(token.sent, vary) then return nil, "vary" end
  local lines, length = lines_of(headers)
  if length > MOST_HEAD then return nil, "size" end
  return {
    key = token.key, era = token.era, vary = vary, head = table.concat(lines, "\n"), status = status, open = is_for_all(said),
    strict = is_strict(said), told = is_told(headers, said),
    stored = now, fresh_until = now + left, age = age,
  }
end

local function gathering(one, sent)
  local parts, length = {}, 0
  if not may_gather(parts) then return nil end
  return function(text, has_trailers)
    length = length + #(text or "")
    if text and length <= MOST_BODY then
      parts[#parts + 1] = text
      return true
    end
    under_way[parts], begun = nil, begun - 1
    if text or has_trailers then return false end
    one.body = table.concat(parts)
    keep(one, sent)
    return false
  end
end

-- The lines of what is stored, with what the upstream says anew in their place.
local function lines_anew(headers, head)
  local anew, names, lines = lines_of(headers), {}, { "" }
  for i = 2, #anew do
    local name = anew[i]:match("^[^:]*")
    if not NOT_RENEWED[name] then
      names[name] = true
      lines[#lines + 1] = anew[i]
    end
  end
  for name, value in head:gmatch("\n([^\n:]+):([^\n]*)") do
    if not names[name] then lines[#lines + 1] = name .. ":" .. value end
  end
  return lines
end

local function replace_all(headers, lines)
  local before = {}
  for name in pairs(headers) do before[#before + 1] = name end
  for _, name in ipairs(before) do
    if name:sub(1, 1) ~= ":" and name ~= "x-request-id" then headers:remove(name) end
  end
  for i = 2, #lines do
    local name, value = lines[i]:match("^([^:]*):(.*)$")
    headers:add(name, value)
  end
end

-- The upstream says that what is stored still holds: the caller gets that. What made room for others meanwhile
-- cannot be had, and the caller has to ask again.
local function renewed(handle, headers, token)
  local sent, now = reader(token.sent), wall_ms()
  local entry = find_any(token.key, sent, now)
  if not entry then
    headers:replace(":status", "503")
    return headers:replace("retry-after", "0")
  end
  replace_all(headers, lines_anew(headers, entry.head))
  headers:replace(":status", tostring(entry.status))
  local one = prepared(handle, headers, token, "", entry.status)
  if one then
    one.body = entry.body
    keep(one, sent)
  end
  headers:add("cache-status", "gatewright; hit; fwd=stale; fwd-status=304")
  handle:body(true):setBytes(entry.body)
end

local function changed(token, status)
  if status >= 200 and status < 400 then forget(token.key) end
end

-- A function that takes the body where the answer is to be kept; see scripts_response.lua.
local function captured(handle)
  local headers = handle:headers()
  local from = headers:get(settings.from)
  if from then headers:remove(settings.from) end
  local tokens = handle:streamInfo():dynamicMetadata():get(NAMESPACE)
  local token = tokens and tokens[settings.binding]
  -- What the gateway itself answered, or another policy, is none of an upstream's.
  if not token or not from or from:sub(1, 12) ~= "via_upstream" then return nil end
  local status = tonumber(headers:get(":status"))
  if token.changes then return changed(token, status) end
  if token.asks and status == 304 then return renewed(handle, headers, token) end
  local one, why = prepared(handle, headers, token, from, status)
  local told = why and "; detail=" .. why or ""
  headers:add("cache-status", "gatewright; fwd=" .. (token.is_stale and "stale" or "uri-miss") .. told)
  return one and gathering(one, reader(token.sent))
end

-- What fails keeps nothing, and lets the answer pass.
local function guarded_capture(handle)
  local ok, taker = pcall(captured, handle)
  if ok then return taker end
  handle:logErr(policy_name .. ": " .. settings.binding .. ": " .. tostring(taker))
end

if gives_takers then
  envoy_on_response = guarded_capture
else
  function envoy_on_response(handle)
    local taker = guarded_capture(handle)
    if not taker then return end
    for chunk in handle:bodyChunks() do
      if not taker(chunk:getBytes(0, chunk:length())) then return end
    end
    taker(nil, handle:trailers() ~= nil)
  end
end
