-- Refuses what is not signed with a known key. settings: keys (a file with a line for each, NAME TAB KEY), headers (that
-- must be signed), skew (seconds), told (a header for the upstream, or nil), challenge.
-- `signed`, `covers_header` and `accepted` are of the form of signatures; `wrong_body` is there where the body counts.

local MOST_SECONDS = 1e12
local keys

-- Made ready when they are first asked for.
local function key_of(name)
  if not keys then
    local file = assert(io.open(settings.keys, "rb"))
    local read = {}
    for line in file:lines() do
      local of, secret = line:match("^([^\t]+)\t(.+)$")
      if of then read[of] = { secret = secret } end
    end
    file:close()
    keys = read
  end
  local key = keys[name]
  if key and not key.inner then keys[name] = hmac_key(key.secret) end
  return keys[name]
end

-- What is wrong with a time that was signed.
local function wrong_time(what, seconds, now)
  if not seconds or seconds > MOST_SECONDS then return "time: " .. what .. " cannot be read" end
  local by = now - seconds
  if by > settings.skew then return ("time: %s is past by %d s"):format(what, by) end
  if -by > settings.skew then return ("time: %s is %d s ahead"):format(what, -by) end
end

local function seconds_of(text) return text ~= "" and after(text, 1, DIGITS) > #text and tonumber(text) end

local DATES = { "date", "x-date" }

local function wrong_times(headers, one)
  local now, signed_times = os.time(), 0
  if one.expires then
    local over = seconds_of(one.expires)
    if not over then return "time: expires cannot be read" end
    if over < now then return ("time: expires is past by %d s"):format(math.min(now - over, MOST_SECONDS)) end
  end
  if one.created then
    local wrong = wrong_time("created", seconds_of(one.created), now)
    if wrong then return wrong end
    signed_times = 1
  end
  for _, name in ipairs(DATES) do
    if one.covers[name] then
      local wrong = wrong_time(name, time_of(joined(headers, name)), now)
      if wrong then return wrong end
      signed_times = signed_times + 1
    end
  end
  if signed_times == 0 then return "time: none is signed" end
end

local function refused(reason)
  local headers = { ["www-authenticate"] = settings.challenge }
  local name, value = accepted()
  if name then headers[name] = value end
  return { status = "401", error = "The signature is missing or not valid.", reason = reason, headers = headers }
end

local function wrong(headers, one)
  for _, name in ipairs(settings.headers) do
    if not covers_header(one.covers, name) then return "parts: " .. name .. " is not signed" end
  end
  if not is_same(hmac_sha256(one.key, one.base), one.code) then
    return "signature: it is not what " .. one.name .. " would write for this request"
  end
  return wrong_times(headers, one)
end

envoy_on_request = guarded(function(handle)
  local headers = handle:headers()
  local one, reason = signed(headers, key_of)
  reason = not one and reason or wrong(headers, one)
  -- Whatever becomes of the request, since a policy may only observe: nobody else says who calls.
  local is_known = not reason and not wrong_body
  if settings.told and not is_known then take_off(headers, settings.told) end
  if reason then return refused(reason) end
  if wrong_body then
    local body = wrong_body(handle, one)
    if body then return type(body) == "table" and body or refused("body: " .. body) end
    headers = handle:headers()
  end
  if settings.told then
    if is_known then take_off_others(headers, settings.told) end
    headers:replace(settings.told, one.name)
  end
  handle:streamInfo():dynamicMetadata():set("gatewright", "application", one.name)
  if mode.observed_as then tell(handle, one.name) end
end)
