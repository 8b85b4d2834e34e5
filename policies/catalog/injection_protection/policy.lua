-- Puts what a request brings, decoded, where Envoy's matcher looks at it. settings: namespace; url, headers,
-- names, body; words_pass, where nothing but what is built in is looked for.

mode.holds = true

local ENCODED = { status = "400", error = "The request is not accepted." }
ENCODED.headers = { ["x-injection-protection"] = "blocked" }
ENCODED.reason = "encoding: a text is encoded more than " .. ROUNDS .. " times, or in too many ways"

local function add_body(into, kind, text, headers)
  if kind:find("^multipart/") then return add_multipart(into, headers:get("content-type"), text) end
  if kind:find("json", 1, true) then return add_json(into, text) end
  if kind:find("^application/x%-www%-form%-urlencoded") then return add_pairs(into, text) end
  if kind:find("xml", 1, true) and not kind:find("svg", 1, true) and not kind:find("html", 1, true) then
    return add_xml(into, text)
  end
  return add(into, text)
end

local function tell(handle, place, texts)
  if #texts == 0 then return end
  handle:streamInfo():dynamicMetadata():set(settings.namespace, place, table.concat(texts, "\n"))
end

envoy_on_request = guarded(function(handle)
  local headers, is_decoded = handle:headers(), true
  local url, values, body = texts_of(0), texts_of(0), nil
  if settings.url then is_decoded = add_url(url, headers:get(":path") or "") end
  if settings.headers then is_decoded = add_headers(values, headers) and is_decoded end
  local kind = media_type(headers)
  if settings.body and not is_tunnel(headers) and not is_binary(kind) then
    local text, refusal = body_text(handle)
    if refusal then return refusal end
    local charset = text and unknown_charset(kind)
    if charset then
      local reason = "charset: " .. charset:sub(1, 40) .. " is not read"
      return { status = "400", error = ENCODED.error, headers = ENCODED.headers, reason = reason }
    end
    body = text and texts_of(#text)
    if text then is_decoded = add_body(body, kind, text, handle:headers()) and is_decoded end
  end
  if settings.url then tell(handle, "url", url) end
  if settings.headers then tell(handle, "headers", values) end
  if body then tell(handle, "body", body) end
  if not is_decoded then return ENCODED end
end)
