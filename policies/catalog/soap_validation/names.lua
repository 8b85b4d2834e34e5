-- Names in a SOAP message, and what their prefixes stand for where they stand. Raises what is wrong, as `wrong` does.

local malformed, begin_names, split_name, key_of, meant, uri_of
local declare, declare_all, declared_since, changes, undo_changes
do
  local LONGEST_NAME, FEW_DECLARED = 512, 50
  -- Messages of a service have the same names: what came of one is kept. Callers may send any, so few are, and when
  -- there are as many the next message begins anew.
  local MOST_KEPT, LONGEST_KEPT = 500, 1000
  local XML, XMLNS = "http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2000/xmlns/"

  local scope, is_large = { xml = XML }, false
  -- What prefixes stood for before elements that are open declared them: how many changed, which, and from what.
  local changed, prefixes_before, uris_before = 0, {}, {}
  local prefixes, rests, ends, kept_names = {}, {}, {}, 0
  local keys, kept_keys = {}, 0

  malformed = function() wrong("malformed", "the body is no XML") end

  -- A sound message leaves nothing that is declared; `is_anew` says that the last one was none.
  begin_names = function(is_anew)
    if is_anew or is_large then scope = { xml = XML } end
    is_large, changed = false, 0
    if kept_names >= MOST_KEPT then prefixes, rests, ends, kept_names = {}, {}, {}, 0 end
    if kept_keys >= MOST_KEPT then keys, kept_keys = {}, 0 end
  end

  -- The prefix and the rest of a name.
  local function divided(name)
    if #name > LONGEST_NAME then wrong("name", "a name is longer than " .. LONGEST_NAME .. " bytes") end
    local colon = name:find(":", 1, true)
    local rest = colon and name:sub(colon + 1) or name
    if not has_letters_of_names(name) or not has_letters_of_names(rest) then malformed() end
    if not colon then return "", name end
    if colon == 1 or not rest:find("^[%a_\128-\255][^:]*$") then malformed() end
    return name:sub(1, colon - 1), rest
  end

  -- A name's prefix, the rest, and what ends an element of this name.
  split_name = function(name)
    local rest = rests[name]
    if rest then return prefixes[name], rest, ends[name] end
    local prefix
    prefix, rest = divided(name)
    local ending = "</" .. name .. ">"
    if kept_names < MOST_KEPT then
      prefixes[name], rests[name], ends[name], kept_names = prefix, rest, ending, kept_names + 1
    end
    return prefix, rest, ending
  end

  key_of = function(uri, name)
    if uri == "" then return name end
    local key = keys[uri] and keys[uri][name]
    if key then return key end
    key = "{" .. uri .. "}" .. name
    if #key > LONGEST_KEPT or kept_keys >= MOST_KEPT then return key end
    keys[uri] = keys[uri] or {}
    keys[uri][name], kept_keys = key, kept_keys + 1
    return key
  end

  declare = function(prefix, uri)
    local is_odd = prefix == "xmlns" or uri == XMLNS or (prefix == "xml") ~= (uri == XML) or (prefix ~= "" and uri == "")
    if is_odd then wrong("namespace", "a prefix is declared as it must not be") end
    if prefix == "xml" then return end
    changed = changed + 1
    if changed > FEW_DECLARED then is_large = true end
    prefixes_before[changed], uris_before[changed] = prefix, scope[prefix] or false
    scope[prefix] = uri ~= "" and uri or nil
  end

  meant = function(prefix) return scope[prefix] end

  -- The namespace of an element's prefix, "" for none.
  uri_of = function(prefix)
    local uri = scope[prefix]
    if not uri and prefix ~= "" then wrong("namespace", "the prefix of an element is not declared") end
    return uri or ""
  end

  -- How many prefixes were declared that hold here.
  changes = function() return changed end

  local function undo()
    scope[prefixes_before[changed]] = uris_before[changed] or nil
    changed = changed - 1
  end

  -- LuaJIT gives up a loop that mostly has few turns, and with it all that leads through it: the first ones are none.
  undo_changes = function(before)
    if changed > before then undo() end
    if changed > before then undo() end
    if changed > before then undo() end
    if changed > before then undo() end
    while changed > before do undo() end
  end

  -- As declared_since told them.
  declare_all = function(declared)
    local count = #declared
    declare(declared[1], declared[2])
    if count > 2 then declare(declared[3], declared[4]) end
    if count > 4 then declare(declared[5], declared[6]) end
    if count > 6 then declare(declared[7], declared[8]) end
    for i = 9, count, 2 do declare(declared[i], declared[i + 1]) end
  end

  -- The prefixes and their namespaces in turn; nil for none.
  declared_since = function(before)
    if changed == before then return nil end
    local found = {}
    for i = before + 1, changed do
      found[#found + 1] = prefixes_before[i]
      found[#found + 1] = scope[prefixes_before[i]] or ""
    end
    return found
  end
end
