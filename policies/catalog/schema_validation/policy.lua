-- Refuses GraphQL requests that the schema does not describe. settings: file, the schema's table.

envoy_on_request = guarded(function(handle)
  local requests, refusal = graphql_requests(handle)
  if not requests then return refusal end
  for _, request in ipairs(requests) do
    local words = schema_fault(graphql_schema(), request)
    if words then
      words = words:sub(1, 150)
      return { status = "400", error = "The request does not fit the schema: " .. words, reason = "schema: " .. words }
    end
  end
end)
