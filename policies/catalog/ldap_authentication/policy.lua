-- Lets requests pass whose username and password the directory knows. settings: those of asking.lua; realm.

local MOST = 4096

local function refused(why, reason)
  local challenge = 'Basic realm="' .. settings.realm .. '", charset="UTF-8"'
  return { status = "401", error = why, reason = reason, headers = { ["www-authenticate"] = challenge } }
end

envoy_on_request = guarded(function(handle)
  local headers = handle:headers()
  local text = headers:get("authorization")
  if not text then return refused("Credentials are missing.", "credentials: there are none") end
  if headers:getNumValues("authorization") > 1 then
    return refused("The credentials cannot be read.", "credentials: there is more than one Authorization header")
  end
  local scheme, told = text:match("^(%a+) +([^ ,]+) *$")
  if not scheme or scheme:lower() ~= "basic" then
    return refused("Credentials are missing.", "scheme: the authorization is not Basic")
  end
  if #told > MOST or not told:match("^[%w+/]+=*$") then
    return refused("The credentials cannot be read.", "credentials: they cannot be read")
  end
  local found, why = ask(handle, told)
  if not found then
    return { status = "503", error = "The credentials cannot be checked at this time.", reason = why }
  end
  if not found.is_known then return refused("The credentials are not accepted.", found.why) end
end)
