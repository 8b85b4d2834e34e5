-- Finds the GraphQL documents that a request brings: in the query, in JSON, alone or several in a list, in a form, or as
-- application/graphql. graphql_requests(handle) is a list of {document, variables}, or nil and a refusal; an empty list
-- where a request asks for nothing.

local MOST_BATCHED, MOST_TOGETHER, MOST_EFFORT = 50, 20000, 200000
local tokens_together, effort

-- Of scripts that follow fragments once for each operation: what one request costs stays within the bound.
local function graphql_effort(count)
  effort = effort + count
  if effort > MOST_EFFORT then error({ "effort: judging the request takes too long" }, 0) end
end

local function refused_request(reason)
  return { status = "400", error = "The request is no GraphQL that is accepted.", reason = reason }
end

local function form_decoded(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

local OURS = { query = true, variables = true, extensions = true }

-- The values of a form by name; nil where one of ours is given twice. To some servers Query is query.
local function form_of(text)
  local found = {}
  for pair in text:gmatch("[^&]+") do
    local name, given = pair:match("^([^=]*)=?(.*)$")
    name = form_decoded(name):lower()
    if found[name] and OURS[name] then return nil end
    found[name] = form_decoded(given)
  end
  return found
end

local function add(found, text, variables)
  if #found >= MOST_BATCHED then return refused_request("batch: there are more than " .. MOST_BATCHED .. " requests") end
  if variables == NULL then variables = nil end
  if variables ~= nil and not is_object(variables) then return refused_request("variables: they are no object") end
  local document, reason = graphql_document(text)
  if not document then return refused_request(reason) end
  tokens_together = tokens_together + document.tokens
  if tokens_together > MOST_TOGETHER then
    return refused_request("tokens: the documents together have more than " .. MOST_TOGETHER)
  end
  found[#found + 1] = { document = document, variables = variables or {} }
end

-- Many servers take variables as JSON within a text, too: what counts for them counts here.
local function add_told(found, text, variables)
  if type(variables) ~= "string" then return add(found, text, variables) end
  if not variables:find("[^ \t\r\n]") then return add(found, text) end
  local value, reason = json_value(variables)
  if value == nil then return refused_request("variables: " .. reason:gsub("^%w+: ", "")) end
  return add(found, text, value)
end

local function add_form(found, text)
  local form = form_of(text)
  if not form then return refused_request("twice: a parameter is given twice") end
  local is_named = form.documentid or form.doc_id
  if not form.query then
    if is_named or form.extensions then return refused_request("document: it is told by its name alone, and cannot be looked at") end
    if form.variables then return refused_request("variables: they come without a document") end
    return nil
  end
  if is_named then return refused_request("document: it is told by its name, too") end
  return add_told(found, form.query, form.variables)
end

-- A name that is one of ours to servers that do not tell small letters from capital ones.
local function is_ambiguous(object)
  for name in pairs(object) do
    if type(name) == "string" and not OURS[name] and OURS[name:lower()] then return true end
  end
  return false
end

local function add_json(found, text)
  local value, reason = json_value(text)
  if value == nil then return refused_request(reason) end
  local list = is_array(value) and value or { [0] = 1, value }
  for i = 1, list[0] do
    local one = list[i]
    if not is_object(one) or type(one.query) ~= "string" then
      return refused_request("document: there is none that can be looked at")
    end
    -- Servers differ in which they take.
    if one.documentId ~= nil or one.doc_id ~= nil then return refused_request("document: it is told by its name, too") end
    if is_ambiguous(one) then return refused_request("twice: a name has capital letters where another reader sees none") end
    local refusal = add_told(found, one.query, one.variables)
    if refusal then return refusal end
  end
end

local function add_body(found, kind, text)
  kind = kind:match("^[^;%s]*")
  if kind:find(",", 1, true) then return refused_request("content-type: there are several") end
  if kind == "application/graphql" then return add(found, text) end
  if kind == "application/x-www-form-urlencoded" then return add_form(found, text) end
  if kind == "" or kind:find("json", 1, true) then return add_json(found, text) end
  return refused_request("content-type: " .. kind .. " cannot be looked at")
end

local function graphql_requests(handle)
  local headers, found = handle:headers(), {}
  tokens_together = 0
  if headers:get("upgrade") then
    return nil, refused_request("upgrade: what comes over a WebSocket cannot be looked at")
  end
  local query = headers:get(":path"):match("%?(.*)$")
  local refusal = query and add_form(found, query)
  if refusal then return nil, refusal end
  local kind = media_type(headers)
  local text
  text, refusal = utf8_text(handle)
  -- Servers take the document of the one with the variables of the other.
  if text and found[1] then refusal = refused_request("twice: a document comes in the URL, and a body beside it") end
  -- Others were read while this body came.
  tokens_together, effort = 0, 0
  if text and not refusal then refusal = add_body(found, kind, text) end
  if refusal then return nil, refusal end
  return found
end
