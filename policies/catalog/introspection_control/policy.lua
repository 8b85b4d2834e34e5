-- Refuses requests that ask the server what it offers. settings: blocked, by the field's name.

-- A field of a blocked name, wherever it stands.
local function blocked_in(fields)
  for _, one in ipairs(fields) do
    if one.name and settings.blocked[one.name] then return one.name end
    local found = one.fields and blocked_in(one.fields)
    if found then return found end
  end
end

local function blocked_of(document)
  for _, one in ipairs(document.operations) do
    local found = blocked_in(one.fields)
    if found then return found end
  end
  for _, one in pairs(document.fragments) do
    local found = blocked_in(one.fields)
    if found then return found end
  end
end

envoy_on_request = guarded(function(handle)
  local requests, refusal = graphql_requests(handle)
  if not requests then return refusal end
  for _, request in ipairs(requests) do
    local name = blocked_of(request.document)
    if name then
      local reason = "introspection: " .. name .. " is asked for"
      return { status = "403", error = "Introspection is not allowed.", reason = reason }
    end
  end
end)
