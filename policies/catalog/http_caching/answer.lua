-- Makes an answer of what is stored. Needs rules.lua.

-- The value in a stored head, whose lines are "name:value".
local function value_of(head, name)
  local from = head:find("\n" .. name .. ":", 1, true)
  return from and head:match("^[^\n]*", from + #name + 2) or nil
end

-- The headers as a table; a list of values where a name stands several times.
local function table_of(head)
  local headers = {}
  for name, value in head:gmatch("\n([^\n:]+):([^\n]*)") do
    local before = headers[name]
    if before == nil then
      headers[name] = value
    elseif type(before) == "table" then
      before[#before + 1] = value
    else
      headers[name] = { before, value }
    end
  end
  return headers
end

-- Whether the caller has the answer already (RFC 9110, 13.2.2).
local function is_known_to(headers, entry)
  local tags, since = headers:get("if-none-match"), headers:get("if-modified-since")
  if tags then
    local etag = value_of(entry.head, "etag")
    return etag ~= nil and names_tag(tags, etag)
  end
  local asked = since and date_ms(since)
  local modified = asked and date_ms(value_of(entry.head, "last-modified") or value_of(entry.head, "date"))
  return modified ~= nil and asked ~= nil and modified <= asked
end

-- First and last byte of the one range that is asked for; nil where the whole is to be sent, false where there is none.
local function range_of(headers, entry)
  local range, condition = headers:get("range"), headers:get("if-range")
  if not range or #range > 64 then return nil end
  if condition and (condition:sub(1, 2) == "W/" or
    (condition ~= value_of(entry.head, "etag") and condition ~= value_of(entry.head, "last-modified"))) then
    return nil
  end
  local first, last = range:match("^bytes=(%d*)%-(%d*)$")
  local length = #entry.body
  if not first or (first == "" and last == "") then return nil end
  if first == "" then return math.max(length - tonumber(last), 0), length - 1 end
  first, last = tonumber(first), tonumber(last) or length - 1
  if first > last and range:match("%-%d") then return nil end
  if first >= length then return false end
  return first, math.min(last, length - 1)
end

local function copied(told)
  local copy = {}
  for name, value in pairs(told) do copy[name] = value end
  return copy
end

local function without_content(told)
  for name in pairs(told) do
    if name:sub(1, 8) == "content-" and name ~= "content-location" then told[name] = nil end
  end
end

-- Headers and body for this request.
local function answer_of(headers, entry, method, now)
  -- The same table for all who get the whole.
  local told, body = entry.told_whole or table_of(entry.head), entry.body
  local left = math.floor((entry.fresh_until - now) / 1000)
  told[":status"] = tostring(entry.status)
  told["age"] = ("%d"):format(math.floor((entry.age + now - entry.stored) / 1000))
  told["cache-status"] = ("gatewright; hit; ttl=%d"):format(left)
  if entry.status ~= 200 then return told, body end
  if is_known_to(headers, entry) then
    told = copied(told)
    without_content(told)
    told[":status"] = "304"
    return told, ""
  end
  local first, last
  if method == "GET" then first, last = range_of(headers, entry) end
  if first == nil then
    entry.told_whole = told
    return told, body
  end
  told = copied(told)
  if first == false or last < first then
    without_content(told)
    told[":status"], told["content-range"] = "416", "bytes */" .. #body
    return told, ""
  end
  told[":status"], told["content-range"] = "206", ("bytes %d-%d/%d"):format(first, last, #body)
  return told, body:sub(first + 1, last + 1)
end
