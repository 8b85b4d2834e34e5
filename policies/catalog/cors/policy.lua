-- Answers preflight requests, and tells browsers on every other answer whether its site may read it.
-- settings: public, credentials, exact (origin to group), patterns ({parts, group}), groups, longest_origin.

local METADATA, REJECTED = "gatewright.cors", "rejected"
local OWN = {
  "access-control-allow-origin",
  "access-control-allow-credentials",
  "access-control-allow-methods",
  "access-control-allow-headers",
  "access-control-expose-headers",
  "access-control-max-age",
}

-- Whether the text, from the place after the first part on, holds what a * stands for and then the next part,
-- until the last part ends it. Each part is taken where it comes first: where that leads nowhere, no later place
-- would, so nothing is ever tried again.
local function is_made_of(parts, origin)
  if origin:sub(1, #parts[1]) ~= parts[1] then return false end
  local from, last = #parts[1] + 1, parts[#parts]
  local tail = #origin - #last + 1
  for i = 2, #parts do
    local at = i == #parts and tail or origin:find(parts[i], from, true)
    if not at or at < from or origin:sub(from, at - 1):find("[^%w.-]") then return false end
    from = at + #parts[i]
  end
  return origin:sub(tail) == last
end

-- The number of the origin's group; 0 when no group has it.
local function group_of(origin)
  if #origin > settings.longest_origin then return 0 end
  origin = origin:lower()
  if settings.exact[origin] then return settings.exact[origin] end
  for _, entry in ipairs(settings.patterns) do
    if not entry.parts or is_made_of(entry.parts, origin) then return entry.group end
  end
  return 0
end

local function is_accepted(number, method, origin)
  if settings.public then return #origin <= settings.longest_origin end
  return number > 0 and settings.groups[number].is_allowed[method] == true
end

local function set(headers, name, value)
  if value and value ~= "" then headers[name] = value end
end

local function preflight(handle, origin)
  local asked = handle:headers()
  local method = asked:get("access-control-request-method") or "OPTIONS"
  local number = origin and group_of(origin)
  local headers = { ["vary"] = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers" }
  if origin and is_accepted(number, method, origin) then
    local group = settings.groups[number]
    local mirrored = asked:get("access-control-request-headers")
    set(headers, "access-control-allow-origin", origin)
    set(headers, "access-control-allow-methods", group and group.methods or method)
    set(headers, "access-control-allow-headers", (not group or group.any_header) and mirrored or group and group.headers)
    set(headers, "access-control-max-age", group and group.max_age)
    set(headers, "access-control-allow-credentials", settings.credentials and "true")
  end
  return { status = "200", headers = headers }
end

-- Of a request from a site the answer is to know the site's group and, where it is accepted, its origin: one text, since a
-- table of them takes Envoy several times as long to note and to give back.
local function noted(number, origin) return number .. " " .. origin end

local function read(text)
  local at = text:find(" ", 1, true)
  return tonumber(text:sub(1, at - 1)), text:sub(at + 1)
end

envoy_on_request = guarded(function(handle)
  local headers = handle:headers()
  local origin, method = headers:get("origin"), headers:get(":method")
  if method == "OPTIONS" then return preflight(handle, origin) end
  if not origin then return nil end
  local number = settings.public and 0 or group_of(origin)
  local text = is_accepted(number, method, origin) and noted(number, origin) or REJECTED
  handle:streamInfo():dynamicMetadata():set(METADATA, "request", text)
end)

-- A preflight's own answer comes by here too, and upstreams say it themselves.
local function vary_by_origin(headers)
  local told = headers:get("vary")
  if told then
    told = told:lower():gsub("%s", "")
    if ("," .. told .. ","):find(",origin,", 1, true) then return end
  end
  headers:add("vary", "Origin")
end

envoy_on_response = guarded_response(function(handle)
  local seen = handle:streamInfo():dynamicMetadata():get(METADATA)
  local headers = handle:headers()
  vary_by_origin(headers)
  -- Without a site: a cache that keeps this answer must not give it to one, which would find itself not allowed.
  if not seen then return nil end
  -- What the upstream thinks about origins does not count.
  for i = 1, #OWN do headers:remove(OWN[i]) end
  if seen.request == REJECTED then return nil end
  local number, origin = read(seen.request)
  local group = settings.groups[number]
  headers:add("access-control-allow-origin", origin)
  if settings.credentials then headers:add("access-control-allow-credentials", "true") end
  if group and group.exposed ~= "" then headers:add("access-control-expose-headers", group.exposed) end
end)
