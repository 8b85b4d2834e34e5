-- Adds headers whose values are expressions. settings: request and response, lists of {name, overwrite, value}.

local function injecting(headers)
  return function(handle)
    -- All values come first: when one fails, no header has changed.
    local values = {}
    for i, header in ipairs(headers) do
      values[i] = dw.text(header.value(handle)) or false
      if values[i] and values[i]:find("[%z\1-\8\10-\31\127]") then
        error("the value of " .. header.name .. " holds a control character", 0)
      end
    end
    for i, header in ipairs(headers) do
      -- A null value adds no header.
      if values[i] and header.overwrite then
        handle:headers():replace(header.name, values[i])
      elseif values[i] then
        handle:headers():add(header.name, values[i])
      end
    end
  end
end

if #settings.request > 0 then envoy_on_request = guarded(injecting(settings.request)) end
if #settings.response > 0 then envoy_on_response = guarded_response(injecting(settings.response)) end
