-- Adds headers whose values are expressions. settings: request and response, lists of {name, overwrite, value}.

local BROKEN = "[%z\1-\8\10-\31\127]"

-- A request whose own parts make a value that no header can hold is its sender's fault; an answer's is not.
local function injecting(headers, is_senders_fault)
  return function(handle)
    -- All values come first: when one fails, no header has changed.
    local values = {}
    for i, header in ipairs(headers) do
      values[i] = dw.text(header.value(handle)) or false
      if values[i] and values[i]:find(BROKEN) then
        local why = "the value of " .. header.name .. " holds a control character"
        if not is_senders_fault then error(why, 0) end
        return { status = "400", error = "The request holds what no header can.", reason = "value: " .. why }
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

if #settings.request > 0 then envoy_on_request = guarded(injecting(settings.request, true)) end
if #settings.response > 0 then envoy_on_response = guarded_response(injecting(settings.response)) end
