-- Takes off a request what callers say in a header that is the gateway's to say. Upstreams take other spellings of it for
-- the same: to CGI, and so to many servers of Python, Ruby and PHP, x_user is x-user.

local take_off, take_off_others
do
  local MOST_PLACES, known = 4, {}

  -- All names that have a hyphen or an underscore in each place where this one has either.
  local function spellings(name)
    local found = { "" }
    for text, mark in name:gmatch("([^_-]*)([_-]?)") do
      local made = {}
      for _, one in ipairs(found) do
        made[#made + 1] = one .. text .. (mark ~= "" and "-" or "")
        if mark ~= "" then made[#made + 1] = one .. text .. "_" end
      end
      found = made
    end
    return found
  end

  local function plain(name) return (name:gsub("_", "-")) end

  local function found_in(headers, name)
    local found = {}
    for one in pairs(headers) do
      if one ~= name and plain(one) == plain(name) then found[#found + 1] = one end
    end
    return found
  end

  local function others(name)
    local found = {}
    for _, one in ipairs(spellings(name)) do
      if one ~= name then found[#found + 1] = one end
    end
    return found
  end

  -- The other spellings alone, where the header itself is about to be replaced.
  take_off_others = function(headers, name)
    local names = known[name]
    if names == nil then
      names = select(2, name:gsub("[_-]", "")) <= MOST_PLACES and others(name)
      known[name] = names
    end
    names = names or found_in(headers, name)
    for i = 1, #names do headers:remove(names[i]) end
  end

  take_off = function(headers, name)
    take_off_others(headers, name)
    headers:remove(name)
  end
end
