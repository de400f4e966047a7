-- wrk script: PUTs records of about 200 bytes to /data/ID with the ids that its first argument lists, in a random order,
-- each time with another content, so that every request changes something. Its second argument is a number from 1 to
-- 800: runs with different ones never write the same content either. It ends with the result as one line, as wrk.lua does.
-- What a request has in common with the others is made beforehand: the cost of making it is not what is measured.

function init(args)
  local run = tonumber(args[2])
  math.randomseed(332 + run)
  local filling = '","filling":"' .. string.rep("x", 150) .. '"}'
  local base = 1000000000 + run * 10000000
  local host = "Host: " .. wrk.headers["Host"] .. "\r\n"
  local heads, n, count = {}, 0, base
  for id in io.lines(args[1]) do
    n = n + 1
    local body = '{"id":"' .. id .. '","count":"'
    heads[n] = "PUT /data/" .. id .. " HTTP/1.1\r\n" .. host .. "Content-Type: application/json\r\nContent-Length: " ..
      #body + #tostring(base) + #filling .. "\r\n\r\n" .. body
  end
  local random = math.random
  function request()
    count = count + 1
    return heads[random(n)] .. count .. filling
  end
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format("SUMMARY %d %d %d %d connect %d, read %d, write %d, status %d, timeout %d\n",
    summary.requests, summary.duration, latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout,
    e.connect, e.read, e.write, e.status, e.timeout))
end
