-- What a signature covers, and reading it: byte by byte, which LuaJIT compiles, as it does no pattern. Patterns, where
-- there are any, are tried at one place each and go on behind it.

local LONGEST, MOST_PARTS = 4096, 50

-- The bytes of these characters, and of all letters and digits where they are asked for.
local function bytes_in(characters, letters)
  local found = {}
  for byte = 0, 255 do
    local one = string.char(byte)
    if characters:find(one, 1, true) or (letters and one:find(letters)) then found[byte] = true end
  end
  return found
end

local BLANKS, DIGITS = bytes_in(" \t"), bytes_in("", "%d")

-- Behind the bytes of this kind that begin here.
local function after(text, at, kind)
  while kind[text:byte(at)] do at = at + 1 end
  return at
end

local function has_blank_end(text)
  return (text:byte(1) or 33) <= 32 or (text:byte(-1) or 33) <= 32
end

-- The values of a header that comes once or more, as both standards join them; nil where there is none,
-- or too many.
local function joined(headers, name)
  if name == "host" then name = ":authority" end
  local whole = headers:get(name)
  -- As most are: one value, with nothing around it.
  if not whole or (not whole:find(",", 1, true) and not has_blank_end(whole)) then return whole end
  local many = headers:getNumValues(name)
  -- Of more than that, some would not be signed.
  if many > MOST_PARTS then return nil end
  local values = {}
  for i = 1, many do values[i] = headers:getAtIndex(name, i - 1):match("^%s*(.*)") end
  for i, value in ipairs(values) do
    local last = #value
    while last > 0 and value:byte(last) <= 32 do last = last - 1 end
    values[i] = value:sub(1, last)
  end
  return table.concat(values, ", ")
end

local MONTHS = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11, Dec = 12 }

-- Seconds since 1970 of "Sun, 06 Nov 1994 08:49:37 GMT"; nil for what is none.
local function time_of(text)
  local day, name, year, hour, minute, second =
    text:match("^%a%a%a, (%d%d) (%a%a%a) (%d%d%d%d) (%d%d):(%d%d):(%d%d) GMT$")
  local month = MONTHS[name]
  if not month then return nil end
  -- Days of a year that begins in March, so that a leap day is its last.
  local years = month > 2 and tonumber(year) or year - 1
  local days = math.floor(365.25 * years) - math.floor(years / 100) + math.floor(years / 400)
  days = days + math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 719469
  return 86400 * days + 3600 * hour + 60 * minute + second
end
