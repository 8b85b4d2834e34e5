-- What scripts ask of a GraphQL schema, whose table sdl.py makes: {roots, types, directives}. settings.file holds it.

local graphql_schema, type_name
do
  local known
  graphql_schema = function()
    if known then return known end
    local file = assert(io.open(settings.file, "rb"))
    local text = file:read("*a")
    file:close()
    local found, reason = json_value(text, math.huge)
    known = assert(found, reason)
    return known
  end

  type_name = function(asked)
    while asked.of do asked = asked.of end
    return asked.name
  end
end

-- Fields that every type has, or the first one has.
local META = { __typename = true, __schema = true, __type = true }
