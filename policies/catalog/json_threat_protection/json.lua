-- Walks through JSON (RFC 8259) once, a byte a step, and builds nothing of it. A table tells what each byte is in each
-- state: the next state, or something to do. No loop stands in the loop, so that it is compiled to machine code.

local ffi = require("ffi")
local DEEPEST = 10000
local OBJECT, ARRAY = 1, 2
local VALUE, FIRST_VALUE, FIRST_NAME, NAME, COLON, AFTER = 0, 1, 2, 3, 4, 5
local TEXT, NAME_TEXT = 6, 12
local SIGN, ZERO, WHOLE, POINT, PART, POWER, POWER_SIGN, POWER_DIGITS = 18, 19, 20, 21, 22, 23, 24, 25
local WORDS = 26
local OPEN_OBJECT, OPEN_ARRAY, CLOSE_OBJECT, CLOSE_ARRAY, COMMA = 64, 65, 66, 67, 68
local BEGIN_TEXT, END_TEXT, BEGIN_NAME, END_NAME, WRONG = 69, 70, 71, 72, 255
local STATES = 36

local follows = ffi.new("uint8_t[?]", STATES * 256)
-- What a byte adds to the length of the text that it is in: a character is one, however it is written.
local adds = ffi.new("uint8_t[?]", STATES * 256)
local kinds, counts = ffi.new("uint8_t[?]", DEEPEST + 1), ffi.new("uint32_t[?]", DEEPEST + 1)

local function set(state, bytes, next)
  for i = 1, #bytes do follows[state * 256 + bytes:byte(i)] = next end
end

local DIGITS, HEX = "0123456789", "0123456789abcdefABCDEF"

local function set_value(state)
  set(state, " \t\r\n", state)
  set(state, "{", OPEN_OBJECT)
  set(state, "[", OPEN_ARRAY)
  set(state, '"', BEGIN_TEXT)
  set(state, "-", SIGN)
  set(state, "123456789", WHOLE)
  set(state, "0", ZERO)
end

local function set_after(state)
  set(state, " \t\r\n", AFTER)
  set(state, ",", COMMA)
  set(state, "}", CLOSE_OBJECT)
  set(state, "]", CLOSE_ARRAY)
end

-- The state itself, behind a backslash, and behind each of the four digits.
local function set_text(state, finish)
  for c = 32, 255 do
    follows[state * 256 + c] = state
    adds[state * 256 + c] = (c < 128 or c >= 192) and 1 or 0
  end
  set(state, '"', finish)
  set(state, "\\", state + 1)
  adds[state * 256 + 34] = 0
  set(state + 1, '"\\/bfnrt', state)
  set(state + 1, "u", state + 2)
  for digit = 2, 5 do set(state + digit, HEX, digit == 5 and state or state + digit + 1) end
end

local function fill()
  ffi.fill(follows, STATES * 256, WRONG)
  for _, state in ipairs({ VALUE, FIRST_VALUE }) do set_value(state) end
  set(FIRST_VALUE, "]", CLOSE_ARRAY)
  for _, state in ipairs({ FIRST_NAME, NAME }) do
    set(state, " \t\r\n", state)
    set(state, '"', BEGIN_NAME)
  end
  set(FIRST_NAME, "}", CLOSE_OBJECT)
  set(COLON, " \t\r\n", COLON)
  set(COLON, ":", VALUE)
  set_text(TEXT, END_TEXT)
  set_text(NAME_TEXT, END_NAME)
  for _, state in ipairs({ AFTER, ZERO, WHOLE, PART, POWER_DIGITS }) do set_after(state) end
  set(SIGN, "123456789", WHOLE)
  set(SIGN, "0", ZERO)
  set(WHOLE, DIGITS, WHOLE)
  for _, state in ipairs({ ZERO, WHOLE }) do set(state, ".", POINT) end
  for _, state in ipairs({ POINT, PART }) do set(state, DIGITS, PART) end
  for _, state in ipairs({ ZERO, WHOLE, PART }) do set(state, "eE", POWER) end
  set(POWER, "+-", POWER_SIGN)
  for _, state in ipairs({ POWER, POWER_SIGN, POWER_DIGITS }) do set(state, DIGITS, POWER_DIGITS) end
  local state = WORDS
  for _, word in ipairs({ "true", "false", "null" }) do
    set(VALUE, word:sub(1, 1), state)
    set(FIRST_VALUE, word:sub(1, 1), state)
    for i = 2, #word do
      set(state, word:sub(i, i), i == #word and AFTER or state + 1)
      state = state + 1
    end
  end
end

fill()

local ENDS = { [AFTER] = true, [ZERO] = true, [WHOLE] = true, [PART] = true, [POWER_DIGITS] = true }
local MALFORMED = "malformed: the body is no JSON"

local function above(what, value, most) return ("%s: %d, above %d"):format(what, value, most) end

local function above_count(kind, value, limits)
  if kind == OBJECT then return above("entries", value, limits.entries) end
  return above("elements", value, limits.elements)
end

-- Why the text is refused; nil where it is not. limits: depth, text, name, entries, elements; -1 is none.
local function fault(text, limits)
  local bytes, size = ffi.cast("const uint8_t *", text), #text
  local state, depth, length = VALUE, 0, 0
  local most_depth = limits.depth >= 0 and limits.depth or DEEPEST
  local none = 2 ^ 31
  local most_text, most_name = limits.text >= 0 and limits.text or none, limits.name >= 0 and limits.name or none
  local entries = limits.entries >= 0 and limits.entries or none
  local elements = limits.elements >= 0 and limits.elements or none
  for at = 0, size - 1 do
    local place = state * 256 + bytes[at]
    local next = follows[place]
    length = length + adds[place]
    if next < STATES then
      state = next
    elseif next == COMMA then
      if depth == 0 then return MALFORMED end
      local count = counts[depth] + 1
      counts[depth] = count
      local kind = kinds[depth]
      if count > (kind == OBJECT and entries or elements) then return above_count(kind, count, limits) end
      state = kind == OBJECT and NAME or VALUE
    elseif next == BEGIN_TEXT then
      state, length = TEXT, 0
    elseif next == END_TEXT then
      if length > most_text then return above("text", length, limits.text) end
      state = AFTER
    elseif next == BEGIN_NAME then
      state, length = NAME_TEXT, 0
    elseif next == END_NAME then
      if length > most_name then return above("name", length, limits.name) end
      state = COLON
    elseif next == OPEN_OBJECT or next == OPEN_ARRAY then
      depth = depth + 1
      if depth > most_depth then return above("depth", depth, most_depth) end
      local is_object = next == OPEN_OBJECT
      kinds[depth], counts[depth] = is_object and OBJECT or ARRAY, 1
      state = is_object and FIRST_NAME or FIRST_VALUE
    elseif next == CLOSE_OBJECT or next == CLOSE_ARRAY then
      local kind = next == CLOSE_OBJECT and OBJECT or ARRAY
      if depth == 0 or kinds[depth] ~= kind then return MALFORMED end
      local is_empty = state == FIRST_NAME or state == FIRST_VALUE
      local count = counts[depth]
      if not is_empty and count > (kind == OBJECT and entries or elements) then
        return above_count(kind, count, limits)
      end
      depth, state = depth - 1, AFTER
    else
      return MALFORMED
    end
  end
  return (depth > 0 or not ENDS[state]) and MALFORMED or nil
end
