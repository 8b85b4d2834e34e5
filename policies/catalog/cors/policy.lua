-- Answers preflight requests, and tells browsers on every other answer whether its site may read it.
-- settings: public, credentials, exact (origin to group), patterns ({pattern, group}), groups.

local METADATA = "gatewright.cors"
local OWN = {
  "access-control-allow-origin",
  "access-control-allow-credentials",
  "access-control-allow-methods",
  "access-control-allow-headers",
  "access-control-expose-headers",
  "access-control-max-age",
}

-- The number of the origin's group; 0 when no group has it.
local function group_of(origin)
  origin = origin:lower()
  if settings.exact[origin] then return settings.exact[origin] end
  for _, entry in ipairs(settings.patterns) do
    if origin:find(entry.pattern) then return entry.group end
  end
  return 0
end

local function is_accepted(number, method)
  if settings.public then return true end
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
  if origin and is_accepted(number, method) then
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

envoy_on_request = guarded(function(handle)
  local origin = handle:headers():get("origin")
  local method = handle:headers():get(":method")
  if method == "OPTIONS" then return preflight(handle, origin) end
  if not origin then return nil end
  local number = group_of(origin)
  local seen = { origin = origin, group = number, accepted = is_accepted(number, method) }
  handle:streamInfo():dynamicMetadata():set(METADATA, "request", seen)
end)

envoy_on_response = guarded_response(function(handle)
  local seen = handle:streamInfo():dynamicMetadata():get(METADATA)
  local headers = handle:headers()
  if not seen then
    -- A cache that keeps this answer must not give it to a site, which would find itself not allowed.
    headers:add("vary", "Origin")
    return nil
  end
  seen = seen.request
  -- What the upstream thinks about origins does not count.
  for _, name in ipairs(OWN) do headers:remove(name) end
  headers:add("vary", "Origin")
  if not seen.accepted then return nil end
  local group = settings.groups[seen.group]
  headers:add("access-control-allow-origin", seen.origin)
  if settings.credentials then headers:add("access-control-allow-credentials", "true") end
  if group and group.exposed ~= "" then headers:add("access-control-expose-headers", group.exposed) end
end)
