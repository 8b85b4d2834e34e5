-- Posts BENCH_BODY, if there is one. Prints what wrk measured as one line of JSON.
local body = os.getenv("BENCH_BODY")
if body and body ~= "" then wrk.method, wrk.body = "POST", body end

function done(summary, latency)
  io.write(string.format(
    'RESULT {"requests": %d, "seconds": %.6f, "p50_us": %d, "p99_us": %d, "connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
    summary.errors.connect, summary.errors.read, summary.errors.write, summary.errors.status, summary.errors.timeout
  ))
end
