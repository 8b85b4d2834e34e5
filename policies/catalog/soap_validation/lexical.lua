-- Texts as XML Schema's built-in types read them: white space, values, sizes, order. simple.py lists the kinds.
-- text_white[white](text); text_value[kind](text, node, meant): nil where it is none; `meant` gives the namespace of a
-- prefix.

local text_white, text_value, characters_in, bytes_in, is_less_value, collapsed, has_letters_of_names, is_blank_alone
do
  local find, sub, byte = string.find, string.sub, string.byte

  -- A blank of XML, and no other: byte by byte, which LuaJIT compiles, as it does no pattern.
  local function is_blank(code) return code == 32 or code == 9 or code == 10 or code == 13 end

  local function has_blanks(text)
    for i = 1, #text do
      if is_blank(byte(text, i)) then return true end
    end
    return false
  end

  is_blank_alone = function(text)
    for i = 1, #text do
      if not is_blank(byte(text, i)) then return false end
    end
    return true
  end

  text_white = {
    preserve = function(text) return text end,
    replace = function(text) return (text:gsub("[\t\r\n]", " ")) end,
    collapse = function(text)
      if not has_blanks(text) then return text end
      text = text:gsub("[ \t\r\n]+", " ")
      return sub(text, byte(text, 1) == 32 and 2 or 1, byte(text, -1) == 32 and -2 or -1)
    end,
  }

  collapsed = text_white.collapse

  -- Characters, not bytes.
  characters_in = function(text)
    if not find(text, "[\128-\255]") then return #text end
    return #text - select(2, text:gsub("[\128-\191]", ""))
  end

  -- Where the digits end that begin here.
  local function after_digits(text, at)
    local code = byte(text, at)
    while code and code >= 48 and code <= 57 do
      at = at + 1
      code = byte(text, at)
    end
    return at
  end

  local function after_sign(text)
    local first = byte(text, 1)
    return (first == 43 or first == 45) and 2 or 1
  end

  -- Whole and fraction without zeros that say nothing.
  local function decimal(text)
    local from = after_sign(text)
    local point = after_digits(text, from)
    local finish, fraction = point, ""
    if byte(text, point) == 46 then
      finish = after_digits(text, point + 1)
      fraction = sub(text, point + 1, finish - 1)
    end
    if finish ~= #text + 1 or (point == from and fraction == "") then return nil end
    while from < point and byte(text, from) == 48 do from = from + 1 end
    local whole = sub(text, from, point - 1)
    local last = #fraction
    while last > 0 and byte(fraction, last) == 48 do last = last - 1 end
    fraction = sub(fraction, 1, last)
    local is_zero = whole == "" and fraction == ""
    return { whole = whole, fraction = fraction, is_negative = byte(text, 1) == 45 and not is_zero, is_whole = finish == point }
  end

  local function is_less_size(one, other)
    if #one.whole ~= #other.whole then return #one.whole < #other.whole end
    if one.whole ~= other.whole then return one.whole < other.whole end
    return one.fraction < other.fraction
  end

  is_less_value = function(one, other)
    if type(one) == "number" then return one < other end
    if one.is_negative ~= other.is_negative then return one.is_negative end
    if one.is_negative then return is_less_size(other, one) end
    return is_less_size(one, other)
  end

  local function float(text)
    if text == "INF" then return math.huge end
    if text == "-INF" then return -math.huge end
    if text == "NaN" then return "NaN" end
    local from = after_sign(text)
    local at = after_digits(text, from)
    local count = at - from
    if byte(text, at) == 46 then
      local finish = after_digits(text, at + 1)
      count, at = count + finish - at - 1, finish
    end
    if count == 0 then return nil end
    if find(text, "^[eE]", at) then
      local begin = find(text, "^[+-]", at + 1) and at + 2 or at + 1
      at = after_digits(text, begin)
      if at == begin then return nil end
    end
    return at == #text + 1 and tonumber(sub(text, byte(text, 1) == 43 and 2 or 1)) or nil
  end

  -- Minutes ahead of UTC, 0 where nothing is said; nil for what is no zone.
  local function zone(text, at)
    local rest = sub(text, at, at + 6)
    if rest == "" or rest == "Z" then return 0 end
    local sign, hours, minutes = rest:match("^([+-])(%d%d):(%d%d)$")
    hours, minutes = tonumber(hours), tonumber(minutes)
    if not hours or hours > 14 or minutes > 59 or (hours == 14 and minutes > 0) then return nil end
    return (sign == "-" and -1 or 1) * (hours * 60 + minutes)
  end

  -- The year that the text begins with, and where it ends.
  local function year(text)
    local from = byte(text, 1) == 45 and 2 or 1
    local finish = after_digits(text, from)
    local digits = finish - from
    if digits < 4 or digits > 9 or (digits > 4 and byte(text, from) == 48) then return nil end
    return tonumber(sub(text, 1, finish - 1)), finish
  end

  local DAYS = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

  local function is_day(y, month, day)
    if not month or month < 1 or month > 12 or not day or day < 1 or day > DAYS[month] then return false end
    return month ~= 2 or day < 29 or not y or (y % 4 == 0 and (y % 100 ~= 0 or y % 400 == 0))
  end

  -- Days since a day long ago.
  local function days(y, month, day)
    if month <= 2 then y, month = y - 1, month + 12 end
    return 365 * y + math.floor(y / 4) - math.floor(y / 100) + math.floor(y / 400) + math.floor((153 * (month - 3) + 2) / 5) + day
  end

  -- The days of the date that the text begins with, and where it ends.
  local function date_at(text)
    local y, at = year(text)
    if not y then return nil end
    local month, day = sub(text, at, at + 5):match("^%-(%d%d)%-(%d%d)$")
    if not is_day(y, tonumber(month), tonumber(day)) then return nil end
    return days(y, tonumber(month), tonumber(day)), at + 6
  end

  -- Seconds of the day, and where the time ends.
  local function time_at(text, at)
    local hour, minute, second = sub(text, at, at + 7):match("^(%d%d):(%d%d):(%d%d)$")
    hour, minute, second = tonumber(hour), tonumber(minute), tonumber(second)
    if not hour or hour > 24 or minute > 59 or second > 59 then return nil end
    local finish, part = at + 8, 0
    if byte(text, finish) == 46 then
      local behind = after_digits(text, finish + 1)
      if behind == finish + 1 then return nil end
      part, finish = tonumber(sub(text, finish, math.min(behind - 1, finish + 20))), behind
    end
    if hour == 24 and minute + second + part > 0 then return nil end
    return hour * 3600 + minute * 60 + second + part, finish
  end

  local function date(text)
    local found, at = date_at(text)
    local ahead = found and zone(text, at)
    return ahead and found * 86400 - ahead * 60 or nil
  end

  local function time(text)
    local found, at = time_at(text, 1)
    local ahead = found and zone(text, at)
    return ahead and found - ahead * 60 or nil
  end

  local function date_time(text)
    local found, at = date_at(text)
    if not found or byte(text, at) ~= 84 then return nil end
    local seconds, finish = time_at(text, at + 1)
    local ahead = seconds and zone(text, finish)
    return ahead and found * 86400 + seconds - ahead * 60 or nil
  end

  -- The designators come in their order, each once, with a number before it; a T needs one behind it.
  local function duration(text)
    local at = byte(text, 1) == 45 and 2 or 1
    if byte(text, at) ~= 80 then return nil end
    at = at + 1
    local left, count, is_time = "YMD", 0, false
    while at <= #text do
      if byte(text, at) == 84 and not is_time then
        at, left, is_time, count = at + 1, "HMS", true, 0
      end
      local finish = after_digits(text, at)
      if finish == at then return nil end
      local has_fraction = byte(text, finish) == 46
      if has_fraction then
        local behind = after_digits(text, finish + 1)
        if behind == finish + 1 then return nil end
        finish = behind
      end
      local mark = sub(text, finish, finish)
      local place = mark ~= "" and find(left, mark, 1, true)
      if not place or (has_fraction and mark ~= "S") then return nil end
      left, at, count = sub(left, place + 1), finish + 1, count + 1
    end
    return count > 0 and text or nil
  end

  -- A date without some of its parts, as the pattern of what is left says, and perhaps a zone.
  local function partly(pattern, is_fit)
    return function(text)
      local _, finish, one, other = find(text, pattern)
      if not finish or not zone(text, finish + 1) then return nil end
      return is_fit(tonumber(one), tonumber(other)) and text or nil
    end
  end

  local function year_month(text)
    local y, at = year(text)
    if not y or byte(text, at) ~= 45 then return nil end
    local month = tonumber((sub(text, at + 1, at + 2):match("^%d%d$")))
    return is_day(y, month, 1) and zone(text, at + 3) and text or nil
  end

  local function base64(text)
    text = text:gsub(" ", "")
    if #text % 4 ~= 0 or not find(text, "^[A-Za-z0-9+/]*=?=?$") then return nil end
    return text
  end

  bytes_in = function(kind, text)
    if kind == "hexBinary" then return #text / 2 end
    return #text / 4 * 3 - (sub(text, -2) == "==" and 2 or sub(text, -1) == "=" and 1 or 0)
  end

  local function is_language(text)
    local first = true
    for part in (text .. "-"):gmatch("([^-]*)-") do
      if #part < 1 or #part > 8 or not find(part, first and "^%a+$" or "^%w+$") then return false end
      first = false
    end
    return true
  end

  -- From one to the next: code points that begin names of XML, 1, go on with them, 2, or stand in none, 0.
  local BOUNDS = { { 0x80, 0 }, { 0xB7, 2 }, { 0xB8, 0 }, { 0xC0, 1 }, { 0xD7, 0 }, { 0xD8, 1 }, { 0xF7, 0 }, { 0xF8, 1 },
    { 0x300, 2 }, { 0x370, 1 }, { 0x37E, 0 }, { 0x37F, 1 }, { 0x2000, 0 }, { 0x200C, 1 }, { 0x200E, 0 }, { 0x203F, 2 },
    { 0x2041, 0 }, { 0x2070, 1 }, { 0x2190, 0 }, { 0x2C00, 1 }, { 0x2FF0, 0 }, { 0x3001, 1 }, { 0xD800, 0 }, { 0xF900, 1 },
    { 0xFDD0, 0 }, { 0xFDF0, 1 }, { 0xFFFE, 0 }, { 0x10000, 1 }, { 0xF0000, 0 } }

  local function letter_kind(code)
    local low, high = 1, #BOUNDS
    while low < high do
      local middle = math.ceil((low + high) / 2)
      if BOUNDS[middle][1] <= code then low = middle else high = middle - 1 end
    end
    return BOUNDS[low][2]
  end

  -- Whether the characters beyond ASCII are ones of names, the first one's beginning too, where it is one.
  has_letters_of_names = function(text)
    local from = find(text, "[\128-\255]")
    while from do
      local code, behind = character(text, from)
      local kind = letter_kind(code)
      if kind == 0 or (kind == 2 and from == 1) then return false end
      from = find(text, "[\128-\255]", behind)
    end
    return true
  end

  local function is_named(pattern)
    return function(text) return find(text, pattern) and has_letters_of_names(text) end
  end

  local NAMES = {
    Name = is_named("^[%a_:\128-\255][%w_:.\128-\255-]*$"),
    NCName = is_named("^[%a_\128-\255][%w_.\128-\255-]*$"),
    NMTOKEN = function(text) return find(text, "^[%w_:.\128-\255-]+$") and has_letters_of_names("a" .. text) end,
    language = is_language,
  }

  local function same(text) return text end

  -- The value of a text, such that values that are the same are equal for ==, but for decimals; nil where it is none.
  text_value = {
    string = same,
    anyURI = same,
    list = same,
    union = same,
    name = function(text, node) return NAMES[node.name](text) and text or nil end,
    boolean = function(text)
      if text == "true" or text == "1" then return "true" end
      return (text == "false" or text == "0") and "false" or nil
    end,
    decimal = function(text, node)
      local found = decimal(text)
      return found and (found.is_whole or not node.integer) and found or nil
    end,
    float = float,
    date = date,
    time = time,
    dateTime = date_time,
    duration = duration,
    gYear = function(text)
      local _, at = year(text)
      return at and zone(text, at) and text or nil
    end,
    gYearMonth = year_month,
    gMonth = partly("^%-%-(%d%d)", function(month) return is_day(nil, month, 1) end),
    gMonthDay = partly("^%-%-(%d%d)%-(%d%d)", function(month, day) return is_day(nil, month, day) end),
    gDay = partly("^%-%-%-(%d%d)", function(day) return is_day(nil, 1, day) end),
    hexBinary = function(text) return #text % 2 == 0 and find(text, "^%x*$") and text:upper() or nil end,
    base64Binary = base64,
    QName = function(text, _, meant)
      local colon = find(text, ":", 1, true)
      local prefix, name = colon and sub(text, 1, colon - 1) or "", colon and sub(text, colon + 1) or text
      if not NAMES.NCName(name) or (colon and not NAMES.NCName(prefix)) then return nil end
      local uri = meant(prefix)
      return uri and "{" .. uri .. "}" .. name or (not colon and name or nil)
    end,
  }
end
