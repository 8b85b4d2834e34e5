-- Asks the server by the gateway's authorizer, which remembers what it says of requests that ask it the same.
-- settings: those of asking.lua; seen (names of the headers that the server sees), replaced (those that an allowing
-- answer replaces, which no caller may write), caller ("name" or "certificate": what the server is told of it, if so).

-- Who connects, by names that no header has. What stands in a certificate is written with no end of a line in it.
local function tell_caller(handle, lines)
  local info = handle:streamInfo()
  lines[#lines + 1] = ":scheme: " .. (handle:headers():get(":scheme") or "")
  lines[#lines + 1] = ":source: " .. (info:downstreamRemoteAddress():match("^(.*):%d+$") or "")
  local tls = info:downstreamSslConnection()
  if not tls or not tls:peerCertificatePresented() then return end
  local name = tls:uriSanPeerCertificate()[1] or tls:dnsSansPeerCertificate()[1] or tls:subjectPeerCertificate()
  lines[#lines + 1] = ":principal: " .. name:gsub("%c", "?")
  if settings.caller == "certificate" then
    lines[#lines + 1] = ":certificate: " .. tls:urlEncodedPemEncodedPeerCertificate()
  end
end

-- A line each for method, path, host and each value of a header; no value holds the end of one.
local function question_of(handle)
  local headers = handle:headers()
  local lines = { headers:get(":method"), headers:get(":path"), headers:get(":authority") or "" }
  for _, name in ipairs(settings.seen) do
    for i = 0, headers:getNumValues(name) - 1 do
      lines[#lines + 1] = name .. ": " .. headers:getAtIndex(name, i)
    end
  end
  if settings.caller then tell_caller(handle, lines) end
  return table.concat(lines, "\n")
end

-- Nobody changes what was told: it is one table for all who ask.
local function refused(told)
  local headers = {}
  for name, values in pairs(told.headers) do headers[name] = values end
  local reason = "decision: the server refused the request with " .. told.status
  return { status = told.status, error = told.error, reason = reason, headers = headers }
end

-- Behind the request's own, in one line with it; where it has none nothing is written, as Envoy has it.
local function append(headers, name, value)
  local count = headers:getNumValues(name)
  if count == 0 then return end
  local values = {}
  for i = 0, count - 1 do values[#values + 1] = headers:getAtIndex(name, i) end
  headers:replace(name, table.concat(values, ",") .. "," .. value)
end

local function write(headers, told)
  for _, name in ipairs(told.removed) do headers:remove(name) end
  for _, one in ipairs(told.replaced) do headers:replace(one[1], one[2]) end
  for _, one in ipairs(told.appended) do append(headers, one[1], one[2]) end
end

envoy_on_request = guarded(function(handle)
  local told, why = ask(handle, question_of(handle))
  if told and told.is_allowed then return write(handle:headers(), told) end
  -- Upstreams take them for the server's word, and the policy may only observe.
  for _, name in ipairs(settings.replaced) do handle:headers():remove(name) end
  if told then return refused(told) end
  return { status = "403", error = "Access is denied.", reason = why }
end)
