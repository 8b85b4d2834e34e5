-- Judges a GraphQL document by a schema. A fault is told by error({words}).

local is_fit

local function fault(words) error({ words }, 0) end

local SCALARS = {
  Int = function(kind, value)
    return (kind == "int" or kind == "number") and value % 1 == 0 and value >= -2147483648 and value <= 2147483647
  end,
  Float = function(kind) return kind == "int" or kind == "float" or kind == "number" end,
  String = function(kind) return kind == "string" end,
  Boolean = function(kind) return kind == "boolean" end,
  ID = function(kind, value) return kind == "string" or ((kind == "int" or kind == "number") and value % 1 == 0) end,
}

-- The kind of a value of a variable, which came as JSON, as document.lua calls it.
local function as_literal(value)
  if value == NULL then return { kind = "null" } end
  if is_array(value) or is_object(value) then
    local inner = {}
    for key, one in pairs(value) do
      if is_object(value) == (type(key) == "string") and key ~= 0 then inner[key] = as_literal(one) end
    end
    return { kind = is_array(value) and "list" or "object", value = inner }
  end
  return { kind = type(value), value = value, is_json = true }
end

local function input_fault(asked, value, context)
  for name, one in pairs(value) do
    local described = asked.fields[name]
    if not described then fault("an input has no field " .. name) end
    if not is_fit(one, described.type, context, described.has_default) then fault("the field " .. name .. " of an input does not fit") end
  end
  for name, described in pairs(asked.fields) do
    if type(name) == "string" and described.type.is_needed and not described.has_default and not value[name] then
      fault("the field " .. name .. " of an input is missing")
    end
  end
end

-- Whether a value of a variable's type may stand where the other type is asked for.
local function is_type_fit(given, asked, has_default)
  if asked.is_needed and not given.is_needed and not has_default then return false end
  if asked.of or given.of then return asked.of ~= nil and given.of ~= nil and is_type_fit(given.of, asked.of, false) end
  return asked.name == given.name
end

local function is_named_fit(literal, name, context)
  local type = context.schema.types[name]
  if type.kind == "scalar" then return not SCALARS[name] or SCALARS[name](literal.kind, literal.value) end
  if type.kind == "enum" then
    local is_word = literal.kind == "enum" or (literal.is_json and literal.kind == "string")
    return is_word and type.values[literal.value] == true
  end
  if type.kind ~= "input" or literal.kind ~= "object" then return false end
  input_fault(type, literal.value, context)
  return true
end

-- has_default: of the place where the value stands.
is_fit = function(literal, asked, context, has_default)
  if literal.kind == "variable" then
    local variable = context.variables[literal.value]
    if not variable then fault("the variable $" .. literal.value .. " is not described") end
    local is_given = has_default or (variable.default ~= nil and variable.default.kind ~= "null")
    return is_type_fit(variable.type, asked, is_given)
  end
  if literal.kind == "null" then return not asked.is_needed end
  if not asked.of then return is_named_fit(literal, asked.name, context) end
  if literal.kind ~= "list" then return is_fit(literal, asked.of, context) end
  for _, one in ipairs(literal.value) do
    if not is_fit(one, asked.of, context) then return false end
  end
  return true
end

local function check_arguments(given, described, what, context)
  for name, value in pairs(given) do
    local argument = described[name]
    if not argument then fault(what .. " has no argument " .. name) end
    if not is_fit(value, argument.type, context, argument.has_default) then
      fault("the argument " .. name .. " of " .. what .. " does not fit")
    end
  end
  for name, argument in pairs(described) do
    if type(name) == "string" and argument.type.is_needed and not argument.has_default and not given[name] then
      fault("the argument " .. name .. " of " .. what .. " is missing")
    end
  end
end

local function check_directives(directives, context)
  for _, one in ipairs(directives) do
    local described = context.schema.directives[one.name]
    if not described then fault("there is no directive @" .. one.name) end
    check_arguments(one.arguments, described, "@" .. one.name, context)
  end
end

-- Whether a value of the one type may be of the other.
local function check_overlap(on, name, context)
  local asked = context.schema.types[name]
  if not asked or not asked.possible then fault("there is no type " .. name .. " with fields") end
  for one in pairs(asked.possible) do
    graphql_effort(1)
    if type(one) == "string" and context.schema.types[on].possible[one] then return end
  end
  fault(on .. " is never " .. name)
end

local check_fields

local function check_field(one, on, context)
  local type = context.schema.types[on]
  if META[one.name] then
    if one.name ~= "__typename" and on ~= context.schema.roots.query then fault(on .. " has no field " .. one.name) end
    return
  end
  local described = type.fields[one.name]
  if not described then fault(on .. " has no field " .. one.name) end
  local place = on .. "." .. one.name
  check_arguments(one.arguments, described.arguments, place, context)
  local inner = type_name(described.type)
  local has_fields = context.schema.types[inner].possible ~= nil
  if has_fields and not one.fields then fault("fields of " .. place .. " are wanted") end
  if not has_fields and one.fields then fault(place .. " has no fields") end
  if one.fields then check_fields(one.fields, inner, context) end
end

check_fields = function(fields, on, context)
  graphql_effort(#fields)
  for _, one in ipairs(fields) do
    check_directives(one.directives, context)
    if one.spread then
      local fragment = context.document.fragments[one.spread]
      check_overlap(on, fragment.on, context)
      if not context.checked[one.spread] then
        context.checked[one.spread] = true
        check_fields(fragment.fields, fragment.on, context)
      end
    elseif one.inline then
      if one.on then check_overlap(on, one.on, context) end
      check_fields(one.fields, one.on or on, context)
    else
      check_field(one, on, context)
    end
  end
end

local function check_variables(operation, context, values)
  for name, one in pairs(operation.variables) do
    local type = context.schema.types[type_name(one.type)]
    if not type or type.possible then fault("the variable $" .. name .. " has a type that none can have") end
    if one.default and not is_fit(one.default, one.type, context) then fault("the default of $" .. name .. " does not fit") end
    local given = values[name]
    if given == nil and one.type.is_needed and not one.default then fault("the variable $" .. name .. " is missing") end
    if given ~= nil and not is_fit(as_literal(given), one.type, context) then fault("the variable $" .. name .. " does not fit") end
  end
end

-- The document's operations; values of variables are judged where one operation alone can be meant.
local function check_document(schema, request)
  local document = request.document
  for _, operation in ipairs(document.operations) do
    local root = schema.roots[operation.kind]
    if not root then fault("there is no " .. operation.kind) end
    local context = { schema = schema, document = document, variables = operation.variables, checked = {} }
    if #document.operations == 1 then check_variables(operation, context, request.variables) end
    check_directives(operation.directives, context)
    check_fields(operation.fields, root, context)
  end
end

-- Why the request does not fit; nil where it does.
local function schema_fault(schema, request)
  local ok, found = pcall(check_document, schema, request)
  if ok then return nil end
  if type(found) == "table" then return found[1] end
  error(found, 0)
end
