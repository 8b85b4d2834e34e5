-- Reads a request's body for a policy that looks at it as a whole.

-- Of which kind the caller says that the body is, in small letters; "" where nothing is said.
local function media_type(headers)
  return (headers:get("content-type") or ""):sub(1, 200):lower()
end

-- The beginning of a WebSocket, behind which no body comes.
local function is_tunnel(headers)
  if not headers:get("upgrade") or headers:get(":method") ~= "GET" then return false end
  return (headers:get("content-length") or "0") == "0" and not headers:get("transfer-encoding")
end

local function refused_body(reason)
  return { status = "400", error = "The body is not accepted.", reason = reason }
end

-- Its text; nil where there is none, or nil and the refusal of one that is compressed. It is waited for, and what
-- was had of the handle before is gone afterwards.
local function body_text(handle)
  local headers = handle:headers()
  -- It has no end then, and who gets it may take it for a body and not change over.
  if headers:get("upgrade") then return nil, refused_body("upgrade: a body beside it cannot be looked at") end
  local coding = headers:get("content-encoding")
  local body = handle:body()
  local size = body and body:length() or 0
  if size == 0 then return nil end
  if coding and coding:lower() ~= "identity" then
    local reason = "encoding: a body that is " .. coding .. " cannot be looked at"
    return nil, { status = "415", error = "The body must not be compressed.", reason = reason }
  end
  return body:getBytes(0, size)
end
