-- Lets a request pass, has it wait, or refuses it. Needs spike.lua. settings, beside those of it: attempt (how
-- often the request has waited before this script), attempts, expose_headers.

local METADATA = "gatewright.spike-control"
-- Of Envoy's fault filter, which stands between two of these scripts and waits for so many ms.
local DELAY, SHARE = "x-envoy-fault-delay-request", "x-envoy-fault-delay-request-percentage"

local function quota(remaining, ends_in)
  return {
    ["x-ratelimit-limit"] = tostring(settings.maximum),
    ["x-ratelimit-remaining"] = tostring(remaining),
    ["x-ratelimit-reset"] = tostring(ends_in),
  }
end

envoy_on_request = guarded(function(handle)
  local headers = handle:headers()
  if settings.attempt > 0 then
    if headers:get(DELAY) == nil then return nil end
  else
    -- A caller has no say in it.
    headers:remove(SHARE)
  end
  headers:remove(DELAY)
  local state, remaining, ends_in = enter(settings.attempt < settings.attempts)
  if state == "waits" then return headers:add(DELAY, tostring(settings.delay)) end
  local exposed = settings.expose_headers and quota(remaining, ends_in)
  if state == "admitted" then
    if exposed then handle:streamInfo():dynamicMetadata():set(METADATA, settings.binding, exposed) end
    return nil
  end
  local with = exposed or {}
  with["retry-after"] = tostring(math.max(1, math.ceil(ends_in / 1000)))
  local reason = ("spike: %d requests in %d ms passed already, after %d of %d delays"):format(
    settings.maximum, settings.period, settings.attempt, settings.attempts)
  if state == "full" then reason = ("queue: %d requests wait already"):format(settings.queue) end
  return { status = "429", error = "Too many requests; try again later.", headers = with, reason = reason }
end)
