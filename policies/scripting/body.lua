-- Reads a request's body for a policy that looks at it as a whole. Needs inflate.lua and utf8.lua.

-- Envoy's own decompressor, which knows br and zstd too, tells nobody of a body that is damaged, cut short or beyond its
-- bound: what it made of the beginning goes on as the whole. (A Brotli body without its last 100 bytes: 200, and 5,798
-- bytes of 6,000 at the upstream.)
local CODINGS = { gzip = "gzip", ["x-gzip"] = "gzip", deflate = "deflate" }
local MOST_BYTES, LARGE_BYTES = 1048576, 65536

-- Of which kind the caller says that the body is, in small letters; "" where nothing is said.
local function media_type(headers)
  return (headers:get("content-type") or ""):lower()
end

-- The beginning of a WebSocket, behind which no body comes.
local function is_tunnel(headers)
  if not headers:get("upgrade") or headers:get(":method") ~= "GET" then return false end
  return (headers:get("content-length") or "0") == "0" and not headers:get("transfer-encoding")
end

local function refused_body(reason)
  return { status = "400", error = "The body is not accepted.", reason = reason }
end

-- A filter's script that stands alone has no such function.
local function make_room(size)
  if size > LARGE_BYTES and tidy then tidy() end
end

-- Of more bytes than the gateway holds of a body.
local function too_large(words, most)
  local reason = ("size: %s %d bytes"):format(words, most)
  return { status = "413", error = "Payload Too Large", reason = reason }
end

local function most_bytes() return mode.most_bytes or MOST_BYTES end

-- Where the policy only observes, and nobody tells how long the body will be: to hold it would be to refuse it, by the
-- gateway's bound. A script that decides for a filter behind it sets `mode.holds`, as headers go on with the first part.
local function is_looked_through(headers)
  return mode.observed_as ~= nil and not mode.holds and not headers:get("content-length")
end

-- Its parts go on as they come; of one that is too large nothing is kept.
local function looked_through(handle)
  local parts, count, size = {}, 0, 0
  for part in handle:bodyChunks() do
    local length = part:length()
    size = size + length
    if size > most_bytes() then
      parts, count = {}, 0
    elseif length > 0 then
      count = count + 1
      parts[count] = part:getBytes(0, length)
    end
  end
  if size > most_bytes() then return nil, too_large(("the body has %.0f bytes, above"):format(size), most_bytes()) end
  make_room(size)
  return count > 0 and table.concat(parts) or nil
end

-- Its bytes as the caller sent them; nil where there are none, or nil and the refusal of one that has no end, or says that it
-- is too large: Envoy would refuse it in the policy's place, also where the policy only observes. It is waited for, and what was
-- had of the handle before is gone afterwards. `kind` is the content type, where it is known, and so are `headers`.
local function body_as_sent(handle, kind, headers)
  if is_grpc(handle, kind) then
    -- Its end may wait for answers, which would not come.
    return nil, refused_body("grpc: a call's messages cannot be looked at as a whole")
  end
  -- It has no end then, and who gets it may take it for a body and not change over.
  headers = headers or handle:headers()
  if headers:get("upgrade") then
    return nil, refused_body("upgrade: a body beside it cannot be looked at")
  end
  local told = tonumber(headers:get("content-length") or "")
  if told and told > most_bytes() then
    return nil, too_large(("the body has %.0f bytes, above"):format(told), most_bytes())
  end
  if is_looked_through(headers) then return looked_through(handle) end
  local body = handle:body()
  local size = body and body:length() or 0
  if size == 0 then return nil end
  make_room(size)
  return body:getBytes(0, size)
end

-- What was compressed, which then is the request's body: the upstream gets what was looked at, and nothing else that
-- the same bytes may be to another reader; unless it `is_gone` on. Or nil and the refusal.
local function plain(handle, text, coding, is_gone)
  local known = CODINGS[coding:lower()]
  if not known then
    local reason = "encoding: a body that is " .. coding .. " cannot be looked at"
    local headers = { ["accept-encoding"] = "gzip, deflate" }
    return nil, { status = "415", error = "The body must not be compressed so; gzip and deflate are read.", reason = reason, headers = headers }
  end
  local found, why = inflated(text, known, most_bytes())
  if why == "size" then return nil, too_large("no longer compressed the body has more than", most_bytes()) end
  if not found then return nil, refused_body("encoding: the body is not " .. known .. " to its end") end
  make_room(#found)
  if not is_gone then
    handle:headers():remove("content-encoding")
    handle:body():setBytes(found)
  end
  return found ~= "" and found or nil
end

-- Its text; nil where there is none, or nil and the refusal of one that cannot be read.
local function body_text(handle, kind, headers)
  headers = headers or handle:headers()
  -- To have the headers of the handle once more behind the wait takes Envoy 2,000 instructions.
  local coding, is_gone = headers:get("content-encoding"), is_looked_through(headers)
  local text, refusal = body_as_sent(handle, kind, headers)
  if not text or not coding or coding:lower() == "identity" then return text, refusal end
  return plain(handle, text, coding, is_gone)
end

-- The same of a body that says that it is in another encoding than UTF-8, or is: nobody knows what stands in it.
local function utf8_text(handle)
  local charset = other_charset(media_type(handle:headers()))
  local text, refusal = body_text(handle)
  if not text then return nil, refusal end
  if charset then return nil, refused_body("charset: " .. charset:sub(1, 40) .. " is not read") end
  if not is_utf8(text) then return nil, refused_body("charset: the body is not UTF-8") end
  return text
end
