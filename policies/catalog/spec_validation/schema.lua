-- Judges values by the nodes that schemas.py makes of JSON Schemas.
-- A node: types (a sum of TYPES), never, values, const; least, most, above, below, multiple; least_length, most_length,
-- pattern, format; least_items, most_items, unique, first, items, contained, least_contained, most_contained; entries,
-- needs, others, alike ({pattern, node}), names, least_entries, most_entries, with, with_schema; ref, all, any, one,
-- no, when, so, otherwise. Numbers of nodes and patterns count from 1.

local MOST_STEPS, BYTES_OF_A_STEP = 400000, 16
local TYPES = { { 1, "null" }, { 2, "boolean" }, { 4, "integer" }, { 8, "number" }, { 16, "string" }, { 32, "array" },
  { 64, "object" } }
local nodes, automata, steps
local judged

local function charge(count)
  steps = steps + count
  if steps > MOST_STEPS then error({ "effort: judging the request takes too long" }, 0) end
end

local function charged(text)
  charge(#text / BYTES_OF_A_STEP)
  return text
end

local function is_match(number, text) return is_found(automata[number], charged(text)) end

local function type_of(value)
  local kind = type(value)
  if kind == "string" then return 16 end
  if kind == "number" then return (value % 1 == 0) and 4 or 8 end
  if kind == "boolean" then return 2 end
  if value == NULL then return 1 end
  return is_array(value) and 32 or 64
end

local function wanted(types)
  local names = {}
  for _, one in ipairs(TYPES) do
    local is_part = one[1] == 4 and bit.band(types, 8) ~= 0
    if bit.band(types, one[1]) ~= 0 and not is_part then names[#names + 1] = one[2] end
  end
  return table.concat(names, " or ") .. " wanted"
end

-- Characters, not bytes.
local function length(text)
  if not text:find("[\128-\255]") then return #text end
  return #text - select(2, text:gsub("[\128-\191]", ""))
end

local function is_date(year, month, day)
  year, month, day = tonumber(year), tonumber(month), tonumber(day)
  if not year or month < 1 or month > 12 or day < 1 then return false end
  local is_leap = year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
  local days = month == 2 and (is_leap and 29 or 28) or (month == 4 or month == 6 or month == 9 or month == 11) and 30 or 31
  return day <= days
end

local function is_time(text)
  local hour, minute, second, rest = text:match("^(%d%d):(%d%d):(%d%d)(.*)$")
  if not hour or tonumber(hour) > 23 or tonumber(minute) > 59 or tonumber(second) > 60 then return false end
  rest = rest:gsub("^%.%d+", "")
  if rest == "Z" or rest == "z" then return true end
  local ahead, more = rest:match("^[+-](%d%d):(%d%d)$")
  return ahead ~= nil and tonumber(ahead) <= 23 and tonumber(more) <= 59
end

local function is_ipv4(text)
  local parts = { text:match("^(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)$") }
  if #parts ~= 4 then return false end
  for _, part in ipairs(parts) do
    if tonumber(part) > 255 or (#part > 1 and part:sub(1, 1) == "0") then return false end
  end
  return true
end

local function groups(text)
  if text == "" then return 0 end
  local count = 0
  for group in (text .. ":"):gmatch("([^:]*):") do
    if not group:find("^%x%x?%x?%x?$") then return nil end
    count = count + 1
  end
  return count
end

local function is_ipv6(text)
  if #text > 45 then return false end
  local head, last = text:match("^(.*:)([^:]*%.[^:]*)$")
  if head then
    if not is_ipv4(last) then return false end
    text = head .. "0:0"
  end
  local at = text:find("::", 1, true)
  if not at then return groups(text) == 8 end
  local before, behind = groups(text:sub(1, at - 1)), groups(text:sub(at + 2))
  return before ~= nil and behind ~= nil and before + behind < 8
end

local FORMATS = {
  date = function(text) return #text == 10 and is_date(text:match("^(%d%d%d%d)%-(%d%d)%-(%d%d)$")) end,
  time = is_time,
  ["date-time"] = function(text)
    return is_date(text:match("^(%d%d%d%d)%-(%d%d)%-(%d%d)[Tt ]")) and is_time(text:sub(12))
  end,
  uuid = function(text)
    return #text == 36 and text:find("^%x+%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x+$") == 1 and text:sub(9, 9) == "-"
  end,
  email = function(text)
    local name, host = text:match("^([^@%s]+)@([^@%s]+)$")
    return name ~= nil and #name <= 64 and not host:find("^[.-]") and not host:find("..", 1, true)
  end,
  ipv4 = is_ipv4,
  ipv6 = is_ipv6,
}

local function text_fault(node, text)
  if node.least_length or node.most_length then
    local count = length(text)
    if node.least_length and count < node.least_length then return "at least " .. node.least_length .. " characters wanted" end
    if node.most_length and count > node.most_length then return "at most " .. node.most_length .. " characters wanted" end
  end
  if node.pattern and not is_match(node.pattern, text) then return "does not match the pattern" end
  local is_fit = FORMATS[node.format]
  if is_fit and not is_fit(text) then return node.format .. " wanted" end
end

local function number_fault(node, value)
  if node.least and value < node.least then return "at least " .. node.least .. " wanted" end
  if node.most and value > node.most then return "at most " .. node.most .. " wanted" end
  if node.above and value <= node.above then return "more than " .. node.above .. " wanted" end
  if node.below and value >= node.below then return "less than " .. node.below .. " wanted" end
  if node.multiple then
    local times = value / node.multiple
    local nearest = math.floor(times + 0.5)
    if times ~= times or math.abs(times - nearest) > 1e-9 * math.max(1, math.abs(times)) or times == math.huge then
      return "a multiple of " .. node.multiple .. " wanted"
    end
  end
  if node.format == "int32" and (value < -2147483648 or value > 2147483647) then return "int32 wanted" end
end

local function value_set(list)
  local set = {}
  for i = 1, list[0] do set[canonical(list[i])] = true end
  return set
end

-- What is wrong with the entry, as {words, place}; nil where nothing is.
local function inner(number, value, name)
  local words, place = judged(number, value)
  if words then return words, "/" .. name .. (place or "") end
end

local function contained_fault(node, value)
  local count = 0
  for i = 1, value[0] do
    if not judged(node.contained, value[i]) then count = count + 1 end
  end
  if count < (node.least_contained or 1) then return "holds too few of what it must contain" end
  if node.most_contained and count > node.most_contained then return "holds too many of what it may contain" end
end

local function array_fault(node, value)
  local count = value[0]
  if node.least_items and count < node.least_items then return "at least " .. node.least_items .. " elements wanted" end
  if node.most_items and count > node.most_items then return "at most " .. node.most_items .. " elements wanted" end
  local first = node.first and node.first[0] or 0
  for i = 1, math.min(first, count) do
    local words, place = inner(node.first[i], value[i], i - 1)
    if words then return words, place end
  end
  if node.items then
    for i = first + 1, count do
      local words, place = inner(node.items, value[i], i - 1)
      if words then return words, place end
    end
  end
  if node.unique then
    local seen = {}
    for i = 1, count do
      local key = charged(canonical(value[i]))
      if seen[key] then return "is there twice", "/" .. (i - 1) end
      seen[key] = true
    end
  end
  if node.contained then return contained_fault(node, value) end
end

local function entry_fault(node, name, value)
  local is_known = false
  if node.entries and node.entries[name] then
    is_known = true
    local words, place = inner(node.entries[name], value, name)
    if words then return words, place end
  end
  if node.alike then
    for i = 1, node.alike[0] do
      local pattern, number = node.alike[i][1], node.alike[i][2]
      if is_match(pattern, name) then
        is_known = true
        local words, place = inner(number, value, name)
        if words then return words, place end
      end
    end
  end
  if node.others and not is_known then
    if nodes[node.others].never then return "is not known here", "/" .. name end
    return inner(node.others, value, name)
  end
end

local function needed_fault(node, value)
  if node.needs then
    for i = 1, node.needs[0] do
      if value[node.needs[i]] == nil then return "is missing", "/" .. node.needs[i] end
    end
  end
  if node.with then
    for name, list in pairs(node.with) do
      if type(name) == "string" and value[name] ~= nil then
        for i = 1, list[0] do
          if value[list[i]] == nil then return "is missing", "/" .. list[i] end
        end
      end
    end
  end
end

local function object_fault(node, value)
  local count = value[-1]
  if node.least_entries and count < node.least_entries then return "at least " .. node.least_entries .. " entries wanted" end
  if node.most_entries and count > node.most_entries then return "at most " .. node.most_entries .. " entries wanted" end
  local words, place = needed_fault(node, value)
  if words then return words, place end
  if node.entries or node.alike or node.others or node.names then
    for name, one in pairs(value) do
      if type(name) == "string" then
        if node.names and judged(node.names, name) then return "is no name that is allowed", "/" .. name end
        words, place = entry_fault(node, name, one)
        if words then return words, place end
      end
    end
  end
  if node.with_schema then
    for name, number in pairs(node.with_schema) do
      if type(name) == "string" and value[name] ~= nil then
        words, place = judged(number, value)
        if words then return words, place end
      end
    end
  end
end

local function made_of_fault(node, value)
  if node.ref then
    local words, place = judged(node.ref, value)
    if words then return words, place end
  end
  for i = 1, node.all and node.all[0] or 0 do
    local words, place = judged(node.all[i], value)
    if words then return words, place end
  end
  if node.any then
    local is_fit, only, at = false, nil, nil
    for i = 1, node.any[0] do
      only, at = judged(node.any[i], value)
      if not only then is_fit = true break end
    end
    if not is_fit then
      if node.any[0] == 1 then return only, at end
      return "fits none of " .. node.any[0] .. " schemas"
    end
  end
  if node.one then
    local count = 0
    for i = 1, node.one[0] do
      if not judged(node.one[i], value) then count = count + 1 end
    end
    if count ~= 1 then return ("fits %s of %d schemas, not one"):format(count == 0 and "none" or count, node.one[0]) end
  end
  if node.no and judged(node.no, value) == nil then return "is what it must not be" end
  if node.when then
    local branch = judged(node.when, value) == nil and node.so or nil
    if judged(node.when, value) ~= nil then branch = node.otherwise end
    if branch then return judged(branch, value) end
  end
end

-- What is wrong with the value by the node, and where in it; nil where nothing is.
judged = function(number, value)
  charge(1)
  local node = nodes[number]
  if node.never then return "nothing is allowed here" end
  local kind = type_of(value)
  if node.types and bit.band(node.types, kind) == 0 then return wanted(node.types) end
  if node.values then
    node.set = node.set or value_set(node.values)
    if not node.set[charged(canonical(value))] then return "is none of the values that are allowed" end
  end
  if node.const and canonical(node.const[1]) ~= charged(canonical(value)) then return "is not the value that is wanted" end
  local words, place
  if kind == 16 then
    words, place = text_fault(node, value)
  elseif kind == 4 or kind == 8 then
    words, place = number_fault(node, value)
  elseif kind == 32 then
    words, place = array_fault(node, value)
  elseif kind == 64 then
    words, place = object_fault(node, value)
  end
  if words then return words, place end
  return made_of_fault(node, value)
end
