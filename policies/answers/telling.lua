-- What `ask` was told about this request. settings: ask.

-- A table, or nil where nothing was told.
local function answered(handle)
  local texts = handle:streamInfo():dynamicMetadata():get(NAMESPACE)
  local text = texts and texts[settings.ask.told]
  return text and decoded(text)
end
