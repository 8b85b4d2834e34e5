-- Tells which requests would have been ended, or would have waited, and does neither. settings: ended and delayed, in
-- percent; status; delay, in milliseconds.

local random = math.random

envoy_on_request = guarded(function()
  local reason
  if random() * 100 < settings.ended then
    reason = "fault: it would have been answered with " .. settings.status
  elseif random() * 100 < settings.delayed then
    reason = "delay: it would have waited " .. settings.delay .. " ms"
  end
  return reason and { status = tostring(settings.status), error = "A fault is injected.", reason = reason }
end)
