-- Refuses a body that is no XML, or larger in some way than it may be. settings: the limits of xml.lua.

-- A body of another kind is not looked at; one of which nothing is told may be XML.
local function is_looked_at(headers)
  if headers:get("upgrade") then return false end
  local kind = (headers:get("content-type") or ""):sub(1, 200):lower()
  return kind == "" or kind:find("xml", 1, true) ~= nil
end

local function refusal(reason)
  return { status = "400", error = "The body is not accepted.", reason = reason }
end

envoy_on_request = guarded(function(handle)
  local headers = handle:headers()
  if not is_looked_at(headers) then return nil end
  -- The body is waited for, and what was had of the handle before is gone afterwards.
  local coding = headers:get("content-encoding")
  local charset = charset_of((headers:get("content-type") or ""):sub(1, 200):lower())
  local body = handle:body()
  local size = body and body:length() or 0
  if size == 0 then return nil end
  if coding and coding:lower() ~= "identity" then
    local reason = "encoding: a body that is " .. coding .. " cannot be looked at"
    return { status = "415", error = "The body must not be compressed.", reason = reason }
  end
  if charset and not is_known(charset) then return refusal("charset: " .. charset .. " is not read") end
  local reason = fault(body:getBytes(0, size), settings)
  if reason then return refusal(reason) end
end)
