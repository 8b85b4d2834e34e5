-- Asks the server by the gateway's authorizer, which remembers what it says of requests that ask it the same.
-- settings: those of asking.lua; seen (names of the headers that the server sees), replaced (those that an allowing
-- answer replaces, which no caller may write).

-- A line each for method, path, host and each value of a header; no value holds the end of one.
local function question_of(headers)
  local lines = { headers:get(":method"), headers:get(":path"), headers:get(":authority") or "" }
  for _, name in ipairs(settings.seen) do
    for i = 0, headers:getNumValues(name) - 1 do
      lines[#lines + 1] = name .. ": " .. headers:getAtIndex(name, i)
    end
  end
  return table.concat(lines, "\n")
end

-- Nobody changes what was told: it is one table for all who ask.
local function refused(told)
  local headers = {}
  for name, values in pairs(told.headers) do headers[name] = values end
  local reason = "decision: the server refused the request with " .. told.status
  return { status = told.status, error = told.error, reason = reason, headers = headers }
end

local function write(headers, told)
  for _, name in ipairs(told.removed) do headers:remove(name) end
  for _, one in ipairs(told.replaced) do headers:replace(one[1], one[2]) end
  for _, one in ipairs(told.appended) do headers:add(one[1], one[2]) end
end

envoy_on_request = guarded(function(handle)
  local headers = handle:headers()
  local told, why = ask(handle, question_of(headers))
  if told and told.is_allowed then return write(handle:headers(), told) end
  -- Upstreams take them for the server's word, and the policy may only observe.
  for _, name in ipairs(settings.replaced) do handle:headers():remove(name) end
  if told then return refused(told) end
  return { status = "403", error = "Access is denied.", reason = why }
end)
