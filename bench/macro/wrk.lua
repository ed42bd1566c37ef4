-- What wrk sends and how it reports: wrk ... -s wrk.lua URL -- METHOD BODY_BYTES close|keep ACCEPT_ENCODING
function init(args)
  wrk.method = args[1] or "GET"
  local bytes = tonumber(args[2] or "0")
  if bytes > 0 then wrk.body = string.rep("x", bytes) end
  if args[3] == "close" then wrk.headers["Connection"] = "close" end
  if (args[4] or "") ~= "" then wrk.headers["Accept-Encoding"] = args[4] end
end

function done(summary, latency)
  io.write(string.format(
    '\n@{"requests":%d,"durationUs":%d,"p50Us":%d,"p99Us":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    summary.errors.connect, summary.errors.read, summary.errors.write, summary.errors.status, summary.errors.timeout))
end
