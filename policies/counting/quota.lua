-- Refuses what is over quota. Needs counting.lua. settings, beside those of it: expose_headers, block_on_unknown_quota.

local METADATA = "gatewright.rate-limiting"

local function headers(maximum, remaining, ends_in)
  return {
    ["x-ratelimit-limit"] = tostring(maximum),
    ["x-ratelimit-remaining"] = tostring(remaining),
    ["x-ratelimit-reset"] = tostring(ends_in),
  }
end

local logged_at

-- Once a second: it is the same for all requests.
local function log_unknown(handle, reason)
  if os.time() == logged_at then return end
  logged_at = os.time()
  handle:logErr(policy_name .. ": " .. settings.binding .. ": " .. reason)
end

-- Counts the request. The refusal, where the key has no quota left under these limits or it cannot be known.
local function over_quota(handle, key, limits)
  local admitted, maximum, remaining, ends_in = take(key, limits)
  if admitted == nil then
    log_unknown(handle, maximum)
    if not settings.block_on_unknown_quota then return nil end
    local reason = "quota-unknown: " .. maximum
    return { status = "503", error = "The quota of this request is not known.", reason = reason }
  end
  local exposed = settings.expose_headers and headers(maximum, remaining, ends_in)
  if not admitted then
    local told = exposed or {}
    told["retry-after"] = tostring(math.max(1, math.ceil(ends_in / 1000)))
    local reason = ("quota: %d requests are used up for %d more ms"):format(maximum, ends_in)
    return { status = "429", error = "Quota has been exceeded.", headers = told, reason = reason }
  end
  if exposed then handle:streamInfo():dynamicMetadata():set(METADATA, settings.binding, exposed) end
end
