-- What Envoy's filter would decide, without refusing; used where the policy only observes. Needs sha256.lua and base64.lua.
-- settings: salt, digest (of the salt and "USER:PASSWORD" as base64 without padding), username.

local LONGEST = 4096

local function refused(reason)
  return { status = "401", error = "The credentials are not accepted.", reason = reason }
end

envoy_on_request = guarded(function(handle)
  local header = handle:headers():get("authorization")
  if not header then return refused("credentials: there are none") end
  local scheme, told = header:match("^(%a+) +(.*)$")
  if not scheme or scheme:lower() ~= "basic" then return refused("scheme: the authorization is not Basic") end
  if #told > LONGEST or told:find(" ", 1, true) then return refused("credentials: they cannot be read") end
  local digest = sha256(settings.salt .. told:gsub("=", ""))
  if not is_same(digest, settings.digest) then
    local text = unbase64(told)
    if not text or not text:find(":", 1, true) then return refused("credentials: they cannot be read") end
    return refused("credentials: username or password is wrong")
  end
  handle:streamInfo():dynamicMetadata():set("gatewright", "authentication", { principal = settings.username })
end)
