-- Runs the scripts that a route names in its filter context: `order` lists them as FRAME.SETTINGS, and each
-- of these keys holds the settings' text. A frame is a policy's own code, in the file scripts/FRAME.lua of
-- the state folder, where Envoy runs. One Lua state serves every route, so a route costs no state of its
-- own, and routes change without any being made; a script is compiled when its first request comes.

-- A collection walks all that lives, 0.2 MB, through the caches that requests need: let there be fewer.
collectgarbage("setpause", 800)

-- All scripts share the room for what LuaJIT compiles. By default it has some for ten APIs with a long script; where there
-- are more, all that was compiled is thrown away again and again, at thirty times a request's price. And a loop over bytes
-- has more ways out than the 100 that are compiled by default: a SOAP message takes 26,000 instructions less with all.
require("jit.opt").start("maxtrace=20000", "maxside=1000", "maxmcode=32768")

-- What large bodies leave is a multiple of them, and of eight times as much the collector knows nothing: 680 MB after JSON
-- of 1 MB. So who reads one collects first where more than this has come together since that was last done.
local MOST_GARBAGE_KB = 65536
local kept_kb = 0

local function tidy()
  if collectgarbage("count") < 2 * kept_kb + MOST_GARBAGE_KB then return end
  collectgarbage()
  kept_kb = collectgarbage("count")
end

local MOST = 2000
local young, old, count = {}, {}, 0
local of_route, routes = {}, 0

local ffi = require("ffi")
local declared = {}
local shared_ffi = setmetatable({
  cdef = function(text)
    if not declared[text] then ffi.cdef(text) end
    declared[text] = true
  end,
}, { __index = ffi })

local function required(name)
  return name == "ffi" and shared_ffi or require(name)
end

local frames = {}

local function frame(id)
  if not frames[id] then
    local file = assert(io.open("scripts/" .. id .. ".lua", "rb"))
    frames[id] = file:read("*a")
    file:close()
  end
  return frames[id]
end

-- A script's globals are its own. `gives_takers` tells it that the body of an answer is passed to what its
-- envoy_on_response gives back; `tidy` is to be called before a large body is read.
local function compiled(key, settings)
  local text = frame(key:match("^%w+"))
  local from, to = text:find("--[[settings]]", 1, true)
  local place = setmetatable({ require = required, gives_takers = true, tidy = tidy }, { __index = _G })
  setfenv(assert(loadstring(text:sub(1, from - 1) .. settings .. text:sub(to + 1))), place)()
  return { request = rawget(place, "envoy_on_request"), response = rawget(place, "envoy_on_response") }
end

-- What was not used while MOST others were is forgotten.
local function remembered(handle)
  local context = handle:filterContext()
  local order = context:get("order")
  local found = young[order] or old[order]
  if not found then
    found = {}
    for key in order:gmatch("%S+") do found[#found + 1] = compiled(key, context:get(key)) end
  end
  if not young[order] then
    if count >= MOST then old, young, count = young, {}, 0 end
    young[order], count = found, count + 1
  end
  return found
end

-- A route's name tells its scripts too. To ask for it costs half of what its filter context does.
local function scripts(handle)
  local name = handle:streamInfo():routeName()
  local found = of_route[name]
  if found then return found end
  found = remembered(handle)
  if routes >= MOST then of_route, routes = {}, 0 end
  of_route[name], routes = found, routes + 1
  return found
end

local function refused(handle, reason)
  handle:logErr("policies: " .. tostring(reason))
  local words = "evaluation: a policy of the API cannot run; the gateway's log says why"
  handle:streamInfo():dynamicMetadata():set("gatewright", "reason", words)
  handle:respond(
    { [":status"] = "500", ["content-type"] = "application/json" },
    '{"error": "A policy of this API cannot run."}'
  )
end

function envoy_on_request(handle)
  local known, found = pcall(scripts, handle)
  if not known then return refused(handle, found) end
  for i = 1, #found do
    if found[i].request then
      -- An error that a script lets out would end this filter, and the request went on past all scripts behind it.
      local ok, why = pcall(found[i].request, handle)
      if not ok then return refused(handle, why) end
    end
  end
end
