-- Tells later policies who calls. settings: those of asking.lua; consumer and principal (lists of fields, of which
-- the first that has a text counts).

local function first(fields, names)
  for _, name in ipairs(names) do
    if type(fields[name]) == "string" then return fields[name] end
  end
end

envoy_on_request = guarded(function(handle)
  local told = answered(handle)
  if not told or not told.active then return end
  local fields = told.fields
  handle:streamInfo():dynamicMetadata():set("gatewright", "authentication", {
    principal = first(fields, settings.principal),
    clientId = first(fields, settings.consumer),
    properties = fields,
  })
end)
