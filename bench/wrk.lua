-- wrk script. With a file as argument it asks for /data/ID with the ids that the file lists, one a line, in a random
-- order that is the same in every run. It ends with the result as one line that a program can read.

function init(args)
  if not args[1] then
    return
  end
  local requests, n = {}, 0
  for id in io.lines(args[1]) do
    n = n + 1
    requests[n] = wrk.format("GET", "/data/" .. id)
  end
  math.randomseed(332)
  function request()
    return requests[math.random(n)]
  end
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format("SUMMARY %d %d %d %d connect %d, read %d, write %d, status %d, timeout %d\n",
    summary.requests, summary.duration, latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout,
    e.connect, e.read, e.write, e.status, e.timeout))
end
