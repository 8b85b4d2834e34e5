-- Judges elements by the tables that types.py and content.py make, as they come: what is kept of the message is one frame
-- for each element that is open.
-- A type: any; or what value.lua lists; or complex, abstract, block, base, by, value (a simple type's number), mixed, model,
-- attributes {name: [type, fixed]}, needed, wild. An element: name, type, nillable, abstract, block, fixed, default.
-- A model: names {name: [symbol, element]} and states, the first one being where it begins: next (symbol, state, …), wild
-- (wildcard, state, …), end, least and most of how often what led there comes; or all {name: [place, element]} and needed.

local known
local begin_content, open_element, add_text, close_element, wrong, XSI
do
  local frames, depth = {}, 0
  local SKIP = { skip = true }
  XSI = "http://www.w3.org/2001/XMLSchema-instance"
  local XSI_NAMES = { type = true, ["nil"] = true, schemaLocation = true, noNamespaceSchemaLocation = true }
  local MOST_EXPECTED, MOST_PATH = 5, 8

  local function local_name(key) return key:match("([^}]*)$") end

  local function place()
    local names = {}
    for at = math.max(1, depth - MOST_PATH + 1), depth do
      if frames[at].name then names[#names + 1] = frames[at].name end
    end
    return table.concat(names, "/")
  end

  wrong = function(check, words) error({ check = check, words = words }, 0) end

  local function invalid(words, name)
    local path = place()
    if name then path = path == "" and name or path .. "/" .. name end
    wrong("schema", (path == "" and "" or path .. ": ") .. words)
  end

  local function admits(wild, uri)
    if wild["in"] then return wild["in"][uri] ~= nil end
    return not wild.no or wild.no[uri] == nil
  end

  -- A number of entries stands at -1 of objects, which is no name.
  local function model_of(frame) return frame.node.model and known.models[frame.node.model] end

  local function map_of(state)
    if not state.map then
      state.map = {}
      for at = 1, state.next and state.next[0] or 0, 2 do state.map[state.next[at]] = state.next[at + 1] end
    end
    return state.map
  end

  -- What may come now, for people.
  local function expected(frame)
    local model, names = model_of(frame), {}
    if not model then return "" end
    if model.all then
      for key, it in pairs(model.all) do
        if type(key) == "string" and not frame.seen[it[1]] then names[#names + 1] = local_name(key) end
      end
    else
      local map = map_of(model.states[frame.state])
      for key, it in pairs(model.names) do
        if type(key) == "string" and map[it[1]] then names[#names + 1] = local_name(key) end
      end
    end
    table.sort(names)
    if #names == 0 then return "" end
    local more = #names > MOST_EXPECTED and ", …" or ""
    return "; expected is " .. table.concat(names, " or ", 1, math.min(#names, MOST_EXPECTED)) .. more
  end

  -- Goes on to a state, or counts where it is the same one again.
  local function go(frame, model, target, name)
    local state = model.states[frame.state]
    if target == frame.state and state.most then
      frame.count = frame.count + 1
      if state.most >= 0 and frame.count > state.most then
        invalid(("is there more than %d times"):format(state.most), name)
      end
    else
      if state.least and frame.count < state.least then
        invalid(("is not expected before %d of what stands there"):format(state.least), name)
      end
      frame.state, frame.count = target, 1
    end
  end

  -- The declaration that an element is judged by, or how it is judged where a wildcard admits it.
  local function step(frame, key, uri, name)
    local model = model_of(frame)
    if not model then invalid("is not expected; nothing may stand here", name) end
    if model.all then
      local it = type(key) == "string" and model.all[key]
      if not it then invalid("is not expected" .. expected(frame), name) end
      if frame.seen[it[1]] then invalid("is there twice", name) end
      frame.seen[it[1]], frame.is_begun = true, true
      return it[2]
    end
    local state = model.states[frame.state]
    local entry = model.names[key]
    local target = entry and map_of(state)[entry[1]]
    if target then
      go(frame, model, target, name)
      return entry[2]
    end
    for at = 1, state.wild and state.wild[0] or 0, 2 do
      local wild = known.wilds[state.wild[at]]
      if admits(wild, uri) then
        go(frame, model, state.wild[at + 1], name)
        return nil, wild.how
      end
    end
    invalid("is not expected" .. expected(frame), name)
  end

  local function is_derived(number, from, blocked)
    local at = number
    while at ~= from do
      local node = types[at]
      if not node.base then return false end
      for _, block in pairs(blocked) do
        if block and block[node.by] then return false, true end
      end
      at = node.base
    end
    return true
  end

  -- The type that xsi:type names in the place of the declared one.
  local function named_type(text, number, element, meant, name)
    text = collapsed(text)
    local colon = text:find(":", 1, true)
    local uri = meant(colon and text:sub(1, colon - 1) or "")
    if colon and not uri then invalid("the prefix of xsi:type is not declared", name) end
    local plain = colon and text:sub(colon + 1) or text
    local key = (uri and uri ~= "") and "{" .. uri .. "}" .. plain or plain
    local found = known.global_types[key]
    if not found then invalid("xsi:type names no type of the service", name) end
    local blocked = { element.block or false, types[number].block or false }
    if not is_derived(found, number, blocked) then
      invalid("the type that xsi:type names may not stand for the declared one", name)
    end
    return found
  end

  local function attribute_fault(words, attribute, name) invalid("the attribute " .. attribute .. " " .. words, name) end

  local function judge_attribute(entry, attribute, meant, name)
    local words = value_fault(entry[1], attribute.value, meant)
    if words then attribute_fault("is wrong: " .. words, attribute.name, name) end
    if entry[2] and not is_same_value(entry[1], attribute.value, entry[2], meant) then
      attribute_fault("has another value than the fixed one", attribute.name, name)
    end
  end

  local function judge_unlisted(node, attribute, meant, name)
    for at = 1, node.wild and node.wild[0] or 0 do
      local wild = known.wilds[node.wild[at]]
      if admits(wild, attribute.uri) then
        local entry = wild.how ~= "skip" and known.global_attributes[attribute.key]
        if entry then
          judge_attribute(entry, attribute, meant, name)
        elseif wild.how == "strict" then
          attribute_fault("is not declared", attribute.name, name)
        end
        return
      end
    end
    attribute_fault("is not expected", attribute.name, name)
  end

  local function judge_attributes(node, attributes, count, meant, name)
    if count == 0 and not node.needed then return end
    local seen = node.needed and {}
    for at = 1, count do
      local one = attributes[at]
      if not (one.uri == XSI and XSI_NAMES[one.name]) then
        if seen then seen[one.key] = true end
        local entry = node.attributes and node.attributes[one.key]
        if entry then judge_attribute(entry, one, meant, name) else judge_unlisted(node, one, meant, name) end
      end
    end
    for at = 1, node.needed and node.needed[0] or 0 do
      local wanted = node.needed[at]
      if not seen[wanted] then attribute_fault("is missing", local_name(wanted), name) end
    end
  end

  -- No entry is ever nil: a table that gets one anew is made larger, and smaller again with the next one.
  local function push(name)
    depth = depth + 1
    local frame = frames[depth]
    if not frame then
      frame = { name = name, node = SKIP, element = false, type = 0, state = 1, count = 0, is_nil = false, is_begun = false }
      frame.text, frame.pieces, frame.seen = false, false, false
      frames[depth] = frame
    end
    frame.name, frame.node, frame.element, frame.state, frame.count = name, SKIP, false, 1, 0
    frame.is_nil, frame.is_begun, frame.text, frame.pieces, frame.seen = false, false, false, false, false
    return frame
  end

  local function own(attributes, count, wanted)
    for at = 1, count do
      if attributes[at].uri == XSI and attributes[at].name == wanted then return attributes[at].value end
    end
  end

  local NO_ELEMENT = {}

  -- `number` is the element's declaration; nil for one that is not declared, and judged laxly.
  local function enter(number, name, attributes, count, meant)
    local element = number and known.elements[number] or NO_ELEMENT
    if element.abstract then invalid("is abstract: one that stands for it is wanted", name) end
    local type_number = element.type or 1
    local named = count > 0 and own(attributes, count, "type")
    if named then type_number = named_type(named, type_number, element, meant, name) end
    local node = types[type_number]
    if node.abstract then invalid("its type is abstract: xsi:type has to name another", name) end
    local said = count > 0 and own(attributes, count, "nil")
    local is_nil = said and collapsed(said)
    if is_nil then
      if is_nil ~= "true" and is_nil ~= "1" and is_nil ~= "false" and is_nil ~= "0" then invalid("xsi:nil is true or false", name) end
      if number and not element.nillable then invalid("xsi:nil is not allowed here", name) end
      is_nil = is_nil == "true" or is_nil == "1"
      if is_nil and element.fixed then invalid("it has a fixed value, so it cannot be nil", name) end
    end
    judge_attributes(node, attributes, count, meant, name)
    local frame = push(name)
    frame.node, frame.element, frame.is_nil, frame.type = node, element, is_nil or false, type_number
    if node.simple or node.value then frame.text = "" end
    local model = model_of(frame)
    if model and model.all then frame.seen = {} end
  end

  -- Forgets what was judged before.
  begin_content = function() depth = 0 end

  -- An element whose declaration is known already, or is looked for among all (nil: how may be lax or skip).
  open_element = function(uri, key, name, attributes, count, meant, number, how)
    charge(1)
    local frame = frames[depth]
    if depth > 0 then
      local node = frame.node
      if node.skip then return push(name) end
      if frame.is_nil then invalid("is not expected: what holds it is nil", name) end
      if frame.text then invalid("is not expected: a text is wanted here", name) end
      if node.any then number, how = nil, "lax" else number, how = step(frame, key, uri, name) end
    end
    if not number then
      if how == "skip" then return push(name) end
      number = known.global_elements[key]
      if not number and how == "strict" then invalid("is not declared", name) end
    end
    return enter(number, name, attributes, count, meant)
  end

  add_text = function(text)
    local frame = frames[depth]
    local node = frame.node
    if node.skip then return end
    if frame.is_nil then invalid("it is nil, and not empty") end
    if frame.pieces then
      frame.pieces[#frame.pieces + 1] = text
    elseif frame.text == "" then
      frame.text = text
    elseif frame.text then
      frame.pieces = { frame.text, text }
    elseif not node.any and not node.mixed and not is_blank_alone(text) then
      invalid("no text may stand here")
    end
  end

  local function close_value(frame, meant)
    local text = frame.pieces and table.concat(frame.pieces) or frame.text
    local number, element = frame.node.value or frame.type, frame.element
    if text == "" and (element.fixed or element.default) then return end
    local words = value_fault(number, text, meant)
    if words then invalid(words) end
    if element.fixed and not is_same_value(number, text, element.fixed, meant) then invalid("has another value than the fixed one") end
  end

  local function close_model(frame, model)
    if model.all then
      if model.may_be_empty and not frame.is_begun then return end
      for at = 1, model.needed[0] do
        if model.needed[at] and not frame.seen[at] then invalid("something is missing" .. expected(frame)) end
      end
      return
    end
    local state = model.states[frame.state]
    if not state["end"] then invalid("something is missing" .. expected(frame)) end
    if state.least and frame.count < state.least then
      invalid(("something is missing: it has to be there %d times"):format(state.least))
    end
  end

  close_element = function(meant)
    local frame = frames[depth]
    if not frame.node.skip and not frame.is_nil then
      if frame.text then
        close_value(frame, meant)
      else
        local model = model_of(frame)
        if model then close_model(frame, model) end
      end
    end
    depth = depth - 1
  end
end
