-- How long an answer may be used, and by whom, as RFC 9111 has it.

local MOST_DIRECTIVES, FOREVER = 4096, 2147483648
local MONTHS = {
  jan = 1, feb = 2, mar = 3, apr = 4, may = 5, jun = 6, jul = 7, aug = 8, sep = 9, oct = 10, nov = 11, dec = 12,
}
local NONE = {}
-- What upstreams heed and no key names: who sends one has answers of his own.
local UNKEYED = {
  "origin", "forwarded", "front-end-https", "x-forwarded-host", "x-forwarded-method", "x-forwarded-path",
  "x-forwarded-port", "x-forwarded-prefix", "x-forwarded-protocol", "x-forwarded-scheme", "x-forwarded-server",
  "x-forwarded-ssl", "x-forwarded-uri", "x-host", "x-http-method", "x-http-method-override", "x-method-override",
  "x-original-host", "x-original-method", "x-original-uri", "x-original-url", "x-rewrite-url", "x-scheme",
  "x-script-name", "x-url-scheme",
}

-- The directives of Cache-Control, by name in small letters: their value, or true. The first of a name counts. A
-- semicolon parts them, too: some write "private; max-age=60", and mean it.
local function directives(text)
  if not text then return NONE end
  if #text > MOST_DIRECTIVES then return { ["no-store"] = true } end
  local found, at = {}, 1
  while true do
    local name, after = text:match("^[,;%s]*([^,;=%s]+)()", at)
    if not name then return found end
    name = name:lower()
    local value = true
    if text:byte(after) == 61 then
      local told, behind = text:match('^"([^"]*)"?()', after + 1)
      if not told then told, behind = text:match("^([^,;%s]*)()", after + 1) end
      value, after = told, behind
    end
    if found[name] == nil then found[name] = value end
    at = text:match("^[^,;]*()", after)
  end
end

-- A number of seconds; 0 for what is none, so that the answer is stale.
local function seconds(value)
  if value == nil then return nil end
  local digits = type(value) == "string" and value:match("^%d+$")
  return digits and math.min(tonumber(digits), FOREVER) or 0
end

local function days(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  return 365 * year + math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400)
    + math.floor((153 * month - 457) / 5) + day - 719469
end

local function century(year)
  local short = tonumber(year)
  return short < 70 and short + 2000 or short + 1900
end

-- Milliseconds since 1970 of a date in one of HTTP's three forms (RFC 9110, 5.6.7); nil for what is none.
local function date_ms(text)
  if not text or #text > 40 then return nil end
  local day, month, year, hour, minute, second =
    text:match("^%a%a%a, +(%d%d) +(%a%a%a) +(%d%d%d%d) +(%d%d?):(%d%d):(%d%d) +GMT$")
  if not day then
    day, month, year, hour, minute, second = text:match("^%a+, (%d%d)%-(%a%a%a)%-(%d%d) (%d%d):(%d%d):(%d%d) GMT$")
    year = year and century(year)
  end
  if not day then
    month, day, hour, minute, second, year = text:match("^%a%a%a (%a%a%a) ([%d ]%d) (%d%d):(%d%d):(%d%d) (%d%d%d%d)$")
  end
  month = month and MONTHS[month:lower()]
  if not month or tonumber(hour) > 23 or tonumber(minute) > 59 or tonumber(second) > 60 then return nil end
  local day_ms = days(tonumber(year), month, tonumber(day)) * 86400000
  return day_ms + ((tonumber(hour) * 60 + tonumber(minute)) * 60 + tonumber(second)) * 1000
end

-- How old an answer is that comes just now, in ms: as it says, or as its date does. What cannot be read is too old; of
-- two numbers in one line the first counts, as others have it.
local function age_ms(headers, now)
  local said = headers:get("age")
  local date = date_ms(headers:get("date"))
  local told = said and headers:getNumValues("age") == 1 and (said:match("^(%d+)$") or said:match("^(%d+),%d+$"))
  told = told or (said and FOREVER or 0)
  return math.max(math.min(tonumber(told), FOREVER) * 1000, date and now - date or 0, 0)
end

-- How long it is fresh by its own word, in ms; nil where it says nothing.
local function lifetime_ms(headers, said, now)
  local told = seconds(said["s-maxage"] or said["max-age"])
  if told then return told * 1000 end
  local expires = headers:get("expires")
  if not expires then return nil end
  local ends = date_ms(expires)
  return ends and math.max(ends - (date_ms(headers:get("date")) or now), 0) or 0
end

-- Whether the answer is meant for all, whoever it was given to (RFC 9111, 3.5).
local function is_for_all(said)
  return said["public"] ~= nil or said["s-maxage"] ~= nil or said["must-revalidate"] ~= nil
end

-- Whether it may never be used once it is stale, whatever callers take.
local function is_strict(said)
  return (said["must-revalidate"] or said["proxy-revalidate"] or said["s-maxage"] or said["no-cache"]) ~= nil
end

-- The value of a validator without what weakens it.
local function opaque(etag) return (etag:gsub("^%s*W/", "")) end

-- Whether a list of entity tags names this one, by weak comparison.
local function names_tag(list, etag)
  if list:match("^%s*%*%s*$") then return true end
  local sought = opaque(etag)
  for one in list:gmatch('"[^"]*"') do
    if one == sought then return true end
  end
  return false
end
