-- Runs a pattern that was compiled to a finite automaton (pattern.py): one step for each character, none looks back.
-- automaton: bounds, kinds, width, next, found and ends, as the class Automaton has them.

local classes = {}

-- The class of each ASCII character, by its code.
local function ascii(automaton)
  local known = classes[automaton]
  if known then return known end
  known = {}
  local at = 1
  for code = 0, 127 do
    while automaton.bounds[at + 1] and automaton.bounds[at + 1] <= code do at = at + 1 end
    known[code] = automaton.kinds[at]
  end
  classes[automaton] = known
  return known
end

local function class_of(automaton, code)
  local bounds = automaton.bounds
  local low, high = 1, bounds[0]
  while low < high do
    local middle = math.ceil((low + high) / 2)
    if bounds[middle] <= code then low = middle else high = middle - 1 end
  end
  return automaton.kinds[low]
end

-- The character that begins at `at`, and where the next one does.
local function character(text, at)
  local first, second, third, fourth = text:byte(at, at + 3)
  if first < 0xC2 then return first, at + 1 end
  if first < 0xE0 then return (first - 0xC0) * 64 + (second or 128) - 128, at + 2 end
  if first < 0xF0 then return (first - 0xE0) * 4096 + ((second or 128) - 128) * 64 + (third or 128) - 128, at + 3 end
  local code = (first - 0xF0) * 262144 + ((second or 128) - 128) * 4096 + ((third or 128) - 128) * 64 + (fourth or 128) - 128
  return code, at + 4
end

-- Whether the pattern is found in the text.
local function is_found(automaton, text)
  local next, width, found, known = automaton.next, automaton.width, automaton.found, ascii(automaton)
  local state, at, size = 0, 1, #text
  while at <= size do
    if found[state + 1] then return true end
    local code, class = text:byte(at), nil
    if code < 128 then
      class, at = known[code], at + 1
    else
      code, at = character(text, at)
      class = class_of(automaton, code)
    end
    state = next[state * width + class + 1]
    if state < 0 then return false end
  end
  return found[state + 1] or automaton.ends[state + 1]
end
