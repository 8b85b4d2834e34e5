-- Refuses GraphQL requests whose complexity, told from document and schema, is too high. settings: file; most; default,
-- the cost of a field; unbounded, whether lists are refused of which nobody says how long. The schema's table has costs,
-- by type and field: weight; multipliers, names of arguments, with points before names of their fields; defaults.

local cost_of

local function fault(check, words) error({ check .. ": " .. words }, 0) end

-- Some servers take a text for the number that it holds.
local function counted(value)
  if type(value) == "string" then return tonumber(value) end
  return type(value) == "number" and value or nil
end

-- A number that an argument gives, by itself or in a field of it; nil where it gives none.
local function number_of(literal, path, at, context)
  if not literal then return nil end
  if literal.kind == "variable" then
    local value, variable = context.values[literal.value], context.variables[literal.value]
    if value == nil then return variable and number_of(variable.default, path, at, context) end
    for k = at, #path do value = is_object(value) and value[path[k]] or nil end
    return counted(value)
  end
  if path[at] then return literal.kind == "object" and number_of(literal.value[path[at]], path, at + 1, context) or nil end
  return counted(literal.value)
end

local function steps_of(multiplier)
  local path = {}
  for step in multiplier:gmatch("[^.]+") do path[#path + 1] = step end
  return path
end

-- How many values a field stands for: the sum of what its multipliers say, one at least. One that is negative, or is no
-- number, says nothing.
local function count_of(one, described, told, place, context)
  local count, is_told = 0, false
  for _, multiplier in ipairs(told.multipliers or {}) do
    local path = steps_of(multiplier)
    local literal = one.arguments[path[1]]
    local value = number_of(literal, path, 2, context)
    if not literal and not path[2] then value = told.defaults[path[1]] end
    if value and value >= 0 then count, is_told = count + value, true end
  end
  if is_told then return math.max(count, 1) end
  local is_list = described.type.of ~= nil and context.schema.types[type_name(described.type)].possible ~= nil
  if is_list and settings.unbounded then fault("unbounded", "nothing tells how long the list " .. place .. " is") end
  return 1
end

local function field_cost(one, on, context)
  if META[one.name] then return one.fields and #one.fields * settings.default or 0 end
  local described = context.schema.types[on].fields and context.schema.types[on].fields[one.name]
  if not described then fault("field", on .. " has no field " .. one.name) end
  local told = (context.schema.costs[on] or {})[one.name] or {}
  local count = count_of(one, described, told, on .. "." .. one.name, context)
  local inner = one.fields and cost_of(one.fields, type_name(described.type), context) or 0
  return ((told.weight or settings.default) + inner) * count
end

-- Fields and fragments add up, whichever type a value will have.
cost_of = function(fields, on, context)
  if not context.schema.types[on] or not context.schema.types[on].possible then
    fault("type", "there is no type " .. on .. " with fields")
  end
  local whole = 0
  graphql_effort(#fields)
  for _, one in ipairs(fields) do
    if one.spread then
      local fragment = context.document.fragments[one.spread]
      context.known[one.spread] = context.known[one.spread] or cost_of(fragment.fields, fragment.on, context)
      whole = whole + context.known[one.spread]
    elseif one.inline then
      whole = whole + cost_of(one.fields, one.on or on, context)
    else
      whole = whole + field_cost(one, on, context)
    end
  end
  return whole
end

-- Of the operation that costs most: one of them runs.
local function request_cost(schema, request)
  local most = 0
  for _, operation in ipairs(request.document.operations) do
    local root = schema.roots[operation.kind]
    if not root then fault("operation", "there is no " .. operation.kind) end
    local context = { schema = schema, document = request.document, values = request.variables, known = {} }
    context.variables = operation.variables
    most = math.max(most, cost_of(operation.fields, root, context))
  end
  return most
end

local function refused(reason)
  local words = reason:sub(1, 150)
  return { status = "400", error = "The request is too complex: " .. words, reason = words }
end

envoy_on_request = guarded(function(handle)
  local requests, refusal = graphql_requests(handle)
  if not requests then return refusal end
  local whole = 0
  for _, request in ipairs(requests) do
    local ok, found = pcall(request_cost, graphql_schema(), request)
    if not ok then
      if type(found) ~= "table" then error(found, 0) end
      return refused(found[1])
    end
    whole = whole + found
  end
  -- What is no number is not below it.
  if not (whole <= settings.most) then return refused(("complexity: %.10g, above %.10g"):format(whole, settings.most)) end
end)
