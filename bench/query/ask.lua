-- wrk script: asks for the paths that a file lists, one a line, in their order from line START on, and from the top again. The
-- requests are complete before the clock starts, so that asking costs as little as it can, and the same for each peer.
-- Arguments: FILE START. It ends with the result as one line that a program can read.

function init(args)
  local requests, n = {}, 0
  for path in io.lines(args[1]) do
    n = n + 1
    requests[n] = wrk.format("GET", path)
  end
  local i = tonumber(args[2]) % n
  function request()
    i = i + 1
    local r = requests[i]
    if i == n then
      i = 0
    end
    return r
  end
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format("SUMMARY %d %d %d %d connect %d, read %d, write %d, status %d, timeout %d, p50 %d\n",
    summary.requests, summary.duration, latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout,
    e.connect, e.read, e.write, e.status, e.timeout, latency:percentile(50)))
end
