-- Refuses what is over quota. settings, beside those of counting.lua: key (an expression or nil),
-- expose_headers, block_on_unknown_quota.

local METADATA = "gatewright.rate-limiting"

local function headers(maximum, remaining, ends_in)
  return {
    ["x-ratelimit-limit"] = tostring(maximum),
    ["x-ratelimit-remaining"] = tostring(remaining),
    ["x-ratelimit-reset"] = tostring(ends_in),
  }
end

local function decide(handle)
  local key = settings.key and dw.text(settings.key(handle)) or ""
  local admitted, maximum, remaining, ends_in = take(key)
  if admitted == nil then
    handle:logErr(policy_name .. ": " .. settings.binding .. ": " .. maximum)
    if not settings.block_on_unknown_quota then return nil end
    local reason = "quota-unknown: the counter of this request cannot be read"
    return { status = "503", error = "The quota of this request is not known.", reason = reason }
  end
  local exposed = settings.expose_headers and headers(maximum, remaining, ends_in)
  if not admitted then
    local told = exposed or {}
    told["retry-after"] = tostring(math.max(1, math.ceil(ends_in / 1000)))
    local reason = ("quota: %d requests are used up for %d more ms"):format(maximum, ends_in)
    if settings.key then reason = reason .. ", for the key " .. masked(key) end
    return { status = "429", error = "Quota has been exceeded.", headers = told, reason = reason }
  end
  if exposed then handle:streamInfo():dynamicMetadata():set(METADATA, settings.binding, exposed) end
end

envoy_on_request = guarded(decide)
