-- Judges texts by the simple types that simple.py makes. A type: kind, white; patterns, values, length, least_length,
-- most_length, digits, fraction, integer, name; least, most, above, below; item of a list, members of a union.
-- value_fault(number, text, meant): what is wrong with the text, or nil; `meant` gives the namespace of a prefix.

local types, automata, steps
local value_fault, is_same_value, charge
do
  local MOST_STEPS, BYTES_OF_A_STEP = 400000, 16

  charge = function(count)
    steps = steps + count
    if steps > MOST_STEPS then error({ check = "effort", words = "judging the message takes too long" }, 0) end
  end

  local function plain(value)
    if type(value) ~= "table" then return value end
    return (value.is_negative and "-" or "") .. value.whole .. "." .. value.fraction
  end

  local function nowhere() return nil end

  -- The values of an enumeration as a set; those that are none of the type are in none.
  local function set_of(node)
    if not node.set then
      node.set = {}
      for i = 1, node.values[0] do
        local value = plain(text_value[node.kind](text_white[node.white](node.values[i]), node, nowhere))
        if value ~= nil then node.set[value] = true end
      end
    end
    return node.set
  end

  local function limit(node, name)
    local known = node.limits or {}
    node.limits = known
    if known[name] == nil then known[name] = text_value[node.kind](node[name], {}) end
    return known[name]
  end

  local function limits_fault(node, value)
    if value == "NaN" then return (node.least or node.most or node.above or node.below) and "NaN is outside the limits" end
    if node.least and is_less_value(value, limit(node, "least")) then return "at least " .. node.least .. " wanted" end
    if node.most and is_less_value(limit(node, "most"), value) then return "at most " .. node.most .. " wanted" end
    if node.above and not is_less_value(limit(node, "above"), value) then return "more than " .. node.above .. " wanted" end
    if node.below and not is_less_value(value, limit(node, "below")) then return "less than " .. node.below .. " wanted" end
    if node.fraction and #value.fraction > node.fraction then return "at most " .. node.fraction .. " digits behind the point wanted" end
    if node.digits and #value.whole + #value.fraction > node.digits then return "at most " .. node.digits .. " digits wanted" end
  end

  local function length_fault(node, count)
    if node.length and count ~= node.length then return "a length of " .. node.length .. " wanted, not " .. count end
    if node.least_length and count < node.least_length then return "a length of at least " .. node.least_length .. " wanted, not " .. count end
    if node.most_length and count > node.most_length then return "a length of at most " .. node.most_length .. " wanted, not " .. count end
  end

  local function count_of(node, text)
    if node.kind == "list" then return select(2, text:gsub("[^ ]+", "")) end
    if node.kind == "hexBinary" or node.kind == "base64Binary" then return bytes_in(node.kind, text) end
    return characters_in(text)
  end

  local function parts_fault(node, text, meant)
    if node.item then
      for part in text:gmatch("[^ ]+") do
        local words = value_fault(node.item, part, meant)
        if words then return words end
      end
    elseif node.members then
      local words
      for i = 1, node.members[0] do
        words = value_fault(node.members[i], text, meant)
        if not words then return nil end
      end
      return node.members[0] == 1 and words or "is a value of none of " .. node.members[0] .. " types"
    end
  end

  -- Whether the type wants nothing of a value but that it is one.
  local function is_free(node)
    if node.is_free == nil then
      local counts = node.length or node.least_length or node.most_length or node.fraction or node.digits
      local limits = node.least or node.most or node.above or node.below
      node.is_free = not (counts or limits or node.item or node.members or node.patterns or node.values)
    end
    return node.is_free
  end

  -- Integers of so few digits are numbers that Lua writes as they are written; their limits, both included.
  local MOST_DIGITS, LARGEST = 9, 999999999

  local function range_of(node)
    local low, high = -LARGEST, LARGEST
    if node.least then low = math.max(low, tonumber(node.least)) end
    if node.most then high = math.min(high, tonumber(node.most)) end
    if node.above then low = math.max(low, math.floor(tonumber(node.above)) + 1) end
    if node.below then high = math.min(high, math.ceil(tonumber(node.below)) - 1) end
    node.low, node.high = low, high
  end

  -- By which look a usual text of the type shows that it is a value, without what makes values of texts.
  local function look_of(node)
    local is_text = node.kind == "string" or node.kind == "anyURI"
    local counts = node.length or node.least_length or node.most_length or node.digits
    if counts or node.item or node.members or node.patterns then return "none" end
    if is_text then return node.values and "listed" or "any" end
    if not node.integer or node.values then return "none" end
    range_of(node)
    return "integer"
  end

  -- Whether it certainly is a value; most are.
  local function is_usual(node, text)
    local look = node.look
    if not look then
      look = look_of(node)
      node.look = look
    end
    if look == "any" then return true end
    if look == "none" then return false end
    if look == "listed" then return set_of(node)[text] ~= nil end
    local number = #text <= MOST_DIGITS and tonumber(text)
    return number and number >= node.low and number <= node.high and number % 1 == 0 and tostring(number) == text
  end

  local WANTED = { name = "a name", anyURI = "a URI", dateTime = "a dateTime (2026-01-31T12:00:00Z)", date = "a date (2026-01-31)" }

  value_fault = function(number, text, meant)
    charge(1 + #text / BYTES_OF_A_STEP)
    local node = types[number]
    if is_usual(node, text) then return nil end
    local raw = text
    text = text_white[node.white](text)
    local words = (node.item or node.members) and parts_fault(node, node.members and raw or text, meant)
    if words then return words end
    local value = text_value[node.kind](text, node, meant)
    if value == nil then return (node.integer and "an integer" or WANTED[node.kind] or "a value of the type " .. node.kind) .. " wanted" end
    if is_free(node) then return nil end
    for i = 1, node.patterns and node.patterns[0] or 0 do
      charge(#text / BYTES_OF_A_STEP)
      if not is_found(automata[node.patterns[i]], text) then return "does not match the pattern" end
    end
    if node.length or node.least_length or node.most_length then
      words = length_fault(node, count_of(node, type(value) == "string" and value or text))
      if words then return words end
    end
    if type(value) == "table" or type(value) == "number" or value == "NaN" then
      words = limits_fault(node, value)
      if words then return words end
    end
    if node.values and not set_of(node)[plain(value)] then return "is none of the values that are allowed" end
  end

  -- Whether two texts that are values of the type are the same.
  is_same_value = function(number, one, other, meant)
    local node = types[number]
    local function value(text) return plain(text_value[node.kind](text_white[node.white](text), node, meant)) end
    return value(one) == value(other)
  end
end
