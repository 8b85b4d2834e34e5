-- Reads GraphQL documents (the specification of October 2021): one step forward for each token, none looks back.
-- graphql_document(text) is {operations, fragments, tokens, how many}, or nil and why there is none. An operation: kind, name, variables,
-- directives, fields; a fragment: on, directives, fields; one of `fields`: a field with name, alias, arguments, directives
-- and fields; a spread of a fragment with spread, directives; an inline fragment with inline, on, directives, fields.
-- A value is {kind, value}: int, float, string, boolean, null, enum, variable, list, object.

local graphql_document
do
  local MOST_TOKENS, DEEPEST = 10000, 100
  local text, at, kind, value, tokens, depth

  local function wrong(words) error({ words or "malformed: the document is no GraphQL" }, 0) end

  local function skip()
    while true do
      at = text:find("[^ \t\r\n,]", at) or #text + 1
      local first = text:byte(at)
      if first == 35 then
        at = text:find("[\r\n]", at) or #text + 1
      elseif first == 239 and text:sub(at, at + 2) == "\239\187\191" then
        at = at + 3
      else
        return first
      end
    end
  end

  local function block_string()
    local from = at
    while true do
      local stop = text:find('"""', at, true) or wrong()
      at = stop + 3
      if text:byte(stop - 1) ~= 92 or stop == from then return text:sub(from, stop - 1) end
    end
  end

  local function plain_string()
    local from = at
    while true do
      local stop = text:find('["\\\r\n]', at) or wrong()
      local mark = text:byte(stop)
      at = stop + 1
      if mark == 34 then return text:sub(from, stop - 1) end
      if mark ~= 92 then wrong() end
      at = at + 1
    end
  end

  local function number()
    local from, to = at, select(2, text:find("^-?%d+", at))
    if not to or text:find("^-?0%d", at) then wrong() end
    local point = select(2, text:find("^%.%d+", to + 1)) or to
    local power = select(2, text:find("^[eE][+-]?%d+", point + 1)) or point
    at = power + 1
    if text:find("^[%w_.]", at) then wrong() end
    kind, value = power > to and "float" or "int", tonumber(text:sub(from, power))
  end

  local function advance()
    tokens = tokens + 1
    if tokens > MOST_TOKENS then wrong("tokens: the document has more than " .. MOST_TOKENS) end
    local first = skip()
    if not first then
      kind, value = "end", nil
      return
    end
    local name = text:match("^[%a_][%w_]*", at)
    if name then
      kind, value, at = "name", name, at + #name
    elseif first == 34 then
      local is_block = text:sub(at, at + 2) == '"""'
      at = at + (is_block and 3 or 1)
      kind, value = "string", is_block and block_string() or plain_string()
    elseif first == 45 or (first >= 48 and first <= 57) then
      number()
    elseif text:sub(at, at + 2) == "..." then
      kind, value, at = "...", nil, at + 3
    else
      local mark = string.char(first)
      if not mark:find("^[!$&():=@%[%]{|}]$") then wrong() end
      kind, value, at = mark, nil, at + 1
    end
  end

  local function expect(wanted)
    if kind ~= wanted then wrong() end
    local found = value
    advance()
    return found
  end

  local function takes(wanted)
    if kind ~= wanted then return false end
    advance()
    return true
  end

  local function deeper()
    depth = depth + 1
    if depth > DEEPEST then wrong("depth: the document has more than " .. DEEPEST .. " levels in each other") end
  end

  local any_value

  local function list_value()
    local found = {}
    deeper()
    while not takes("]") do found[#found + 1] = any_value() end
    depth = depth - 1
    return { kind = "list", value = found }
  end

  local function object_value()
    local found = {}
    deeper()
    while not takes("}") do
      local name = expect("name")
      expect(":")
      if found[name] then wrong("twice: a name is given twice") end
      found[name] = any_value()
    end
    depth = depth - 1
    return { kind = "object", value = found }
  end

  any_value = function()
    if takes("$") then return { kind = "variable", value = expect("name") } end
    if takes("[") then return list_value() end
    if takes("{") then return object_value() end
    local found = { kind = kind, value = value }
    if kind == "name" then
      found.kind = "enum"
      if value == "true" or value == "false" then found.kind, found.value = "boolean", value == "true" end
      if value == "null" then found.kind, found.value = "null", nil end
    elseif kind ~= "int" and kind ~= "float" and kind ~= "string" then
      wrong()
    end
    advance()
    return found
  end

  local function arguments()
    local found = {}
    if not takes("(") then return found end
    repeat
      local name = expect("name")
      expect(":")
      if found[name] then wrong("twice: an argument is given twice") end
      found[name] = any_value()
    until takes(")")
    return found
  end

  local function directives()
    local found = {}
    while takes("@") do
      local name = expect("name")
      found[#found + 1] = { name = name, arguments = arguments() }
    end
    return found
  end

  local selections

  local function selection()
    if not takes("...") then
      local found = { name = expect("name") }
      if takes(":") then found.alias, found.name = found.name, expect("name") end
      found.arguments, found.directives = arguments(), directives()
      if kind == "{" then found.fields = selections() end
      return found
    end
    if kind == "name" and value ~= "on" then
      local name = expect("name")
      return { spread = name, directives = directives() }
    end
    local found = { inline = true }
    if takes("name") then found.on = expect("name") end
    found.directives = directives()
    found.fields = selections()
    return found
  end

  selections = function()
    expect("{")
    deeper()
    local found = {}
    repeat found[#found + 1] = selection() until takes("}")
    depth = depth - 1
    return found
  end

  local function type_reference()
    deeper()
    local found
    if takes("[") then
      found = { of = type_reference() }
      expect("]")
    else
      found = { name = expect("name") }
    end
    depth = depth - 1
    found.is_needed = takes("!")
    return found
  end

  local function variables()
    local found = {}
    if not takes("(") then return found end
    repeat
      expect("$")
      local name = expect("name")
      expect(":")
      if found[name] then wrong("twice: a variable is described twice") end
      found[name] = { type = type_reference() }
      if takes("=") then found[name].default = any_value() end
      directives()
    until takes(")")
    return found
  end

  local function operation()
    if kind == "{" then return { kind = "query", variables = {}, directives = {}, fields = selections() } end
    local found = { kind = expect("name") }
    if found.kind ~= "query" and found.kind ~= "mutation" and found.kind ~= "subscription" then wrong() end
    if kind == "name" then found.name = expect("name") end
    found.variables = variables()
    found.directives = directives()
    found.fields = selections()
    return found
  end

  local function fragment(fragments)
    advance()
    local name = expect("name")
    if name == "on" or expect("name") ~= "on" then wrong() end
    if fragments[name] then wrong("twice: a fragment is described twice") end
    local found = { on = expect("name") }
    fragments[name] = found
    found.directives = directives()
    found.fields = selections()
  end

  -- Each fragment that is spread is there, and none holds itself.
  local function check(fields, fragments, entered)
    for _, one in ipairs(fields) do
      if one.spread then
        local meant = fragments[one.spread]
        if not meant then wrong("fragment: one is spread that is not there") end
        if entered[one.spread] then wrong("fragment: one holds itself") end
        if not meant.is_checked then
          entered[one.spread] = true
          check(meant.fields, fragments, entered)
          entered[one.spread], meant.is_checked = nil, true
        end
      elseif one.fields then
        check(one.fields, fragments, entered)
      end
    end
  end

  local function document()
    local operations, fragments = {}, {}
    advance()
    repeat
      if kind == "name" and value == "fragment" then
        fragment(fragments)
      else
        operations[#operations + 1] = operation()
      end
    until kind == "end"
    if #operations == 0 then wrong("operation: the document has none") end
    for _, one in ipairs(operations) do check(one.fields, fragments, {}) end
    for name, one in pairs(fragments) do check(one.fields, fragments, { [name] = true }) end
    return { operations = operations, fragments = fragments, tokens = tokens }
  end

  graphql_document = function(given)
    text, at, tokens, depth = given, 1, 0, 0
    local ok, found = pcall(document)
    text = nil
    if ok then return found end
    if type(found) == "table" then return nil, found[1] end
    error(found, 0)
  end
end
