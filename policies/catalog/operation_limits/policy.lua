-- Refuses GraphQL requests that ask for too much at once. settings: depth, aliases, fields, directives; -1 is none.

-- Depth, aliases and directives of the fields, with what fragments bring, each time that they are spread.
local function size_of(fields, document, known)
  local depth, aliases, directives = 0, 0, 0
  for _, one in ipairs(fields) do
    directives = directives + #one.directives
    if one.alias then aliases = aliases + 1 end
    local inner
    if one.spread then
      local fragment = document.fragments[one.spread]
      known[one.spread] = known[one.spread] or size_of(fragment.fields, document, known)
      inner = known[one.spread]
      directives = directives + #fragment.directives
    elseif one.fields then
      inner = size_of(one.fields, document, known)
    end
    if inner then aliases, directives = aliases + inner.aliases, directives + inner.directives end
    depth = math.max(depth, (one.name and 1 or 0) + (inner and inner.depth or 0))
  end
  return { depth = depth, aliases = aliases, directives = directives }
end

-- Fields of the first level, with those of fragments.
local function root_fields(fields, document, known)
  local count = 0
  for _, one in ipairs(fields) do
    if one.spread then
      known[one.spread] = known[one.spread] or root_fields(document.fragments[one.spread].fields, document, known)
      count = count + known[one.spread]
    else
      count = count + (one.name and 1 or root_fields(one.fields, document, known))
    end
  end
  return count
end

-- The most that one of the document's operations asks for: one of them runs.
local function most_of(document)
  local most, known, roots = { depth = 0, aliases = 0, directives = 0, fields = 0 }, {}, {}
  for _, one in ipairs(document.operations) do
    local size = size_of(one.fields, document, known)
    size.directives = size.directives + #one.directives
    size.fields = root_fields(one.fields, document, roots)
    for name, value in pairs(size) do most[name] = math.max(most[name], value) end
  end
  return most
end

local NAMES = { "depth", "aliases", "fields", "directives" }

envoy_on_request = guarded(function(handle)
  local requests, refusal = graphql_requests(handle)
  if not requests then return refusal end
  local whole = { depth = 0, aliases = 0, fields = 0, directives = 0 }
  for _, request in ipairs(requests) do
    local most = most_of(request.document)
    whole.depth = math.max(whole.depth, most.depth)
    for i = 2, #NAMES do whole[NAMES[i]] = whole[NAMES[i]] + most[NAMES[i]] end
  end
  for _, name in ipairs(NAMES) do
    if settings[name] >= 0 and whole[name] > settings[name] then
      local words = ("%s: %.0f, above %d"):format(name, whole[name], settings[name])
      return { status = "400", error = "The request asks for too much at once: " .. words, reason = words }
    end
  end
end)
