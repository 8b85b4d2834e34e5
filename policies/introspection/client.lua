-- Which client the provider's answer names. settings: consumer (a list of fields; the first that has a text counts).

local function first(fields, names)
  for _, name in ipairs(names) do
    if type(fields[name]) == "string" and fields[name] ~= "" then return fields[name] end
  end
end
