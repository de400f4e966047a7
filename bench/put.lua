-- wrk script: PUTs records of about 200 bytes to /data/ID with the ids that its argument lists, in a random order, each
-- time with another content, so that every request is a commit. It ends with the result as one line, as wrk.lua does.

function init(args)
  local ids, n, count = {}, 0, 0
  for id in io.lines(args[1]) do
    n = n + 1
    ids[n] = id
  end
  math.randomseed(332)
  local filling = string.rep("x", 150)
  local headers = { ["Content-Type"] = "application/json" }
  function request()
    count = count + 1
    local id = ids[math.random(n)]
    return wrk.format("PUT", "/data/" .. id, headers,
      string.format('{"id":"%s","count":%12d,"filling":"%s"}', id, count, filling))
  end
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format("SUMMARY %d %d %d %d connect %d, read %d, write %d, status %d, timeout %d\n",
    summary.requests, summary.duration, latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout,
    e.connect, e.read, e.write, e.status, e.timeout))
end
