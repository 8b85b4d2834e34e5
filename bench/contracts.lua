-- What looking a client up takes inside of Envoy: the fastest of several tries, in µs, as headers of an answer.

local function timed(times, work)
  local fastest = math.huge
  for _ = 1, 20 do
    local began = os.clock()
    for i = 1, times do work(i) end
    fastest = math.min(fastest, (os.clock() - began) / times * 1e6)
  end
  return ("%.2f"):format(fastest)
end

envoy_on_request = guarded(function(handle)
  local known = timed(3000, function()
    local contract = client_of(handle)
    handle:streamInfo():dynamicMetadata():set("gatewright", "application", contract.application)
  end)
  local first = timed(400, function()
    book.young, book.old, book.count = {}, {}, 0
    client_of(handle)
  end)
  local nobodys = timed(400, function(i) contract_of("nobody-" .. i) end)
  return { status = "200", headers = { ["x-known"] = known, ["x-first"] = first, ["x-nobodys"] = nobodys } }
end)
