-- Writes the path of each try, once its host is known. Needs PUT (in front of paths of the upstream that takes over)
-- and MARK (the header by which a filter before this one tells that the host is of it).

local NAMESPACE = "gatewright.failover"

-- What the route put in front is `removed`, for certain; else nothing is to be sent.
local function other(path, removed)
  assert(path:sub(1, #removed) == removed)
  local rest = path:sub(#removed + 1)
  if PUT ~= "" then return PUT .. rest end
  -- Two slashes in front are a host's name to some programs.
  return "/" .. rest:gsub("^/+", "")
end

function envoy_on_request(handle)
  local headers, metadata = handle:headers(), handle:streamInfo():dynamicMetadata()
  local takes_over = headers:get(MARK) == "yes"
  headers:remove(MARK)
  -- As the route made it: noted when a try before this one went to the other upstream.
  local noted = metadata:get(NAMESPACE)
  local path = noted and noted.path
  if not takes_over then
    if path then headers:replace(":path", path) end
    return
  end
  if not path then
    path = headers:get(":path")
    metadata:set(NAMESPACE, "path", path)
  end
  local known, written = pcall(other, path, handle:filterContext():get("removed"))
  if not known then
    handle:respond({ [":status"] = "500" }, "The path of the upstream that takes over cannot be told.")
    return
  end
  headers:replace(":path", written)
end
