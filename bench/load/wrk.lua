-- What wrk sends. Arguments: method, file of tokens, number of routes, bytes of the body, keep-alive or close, and a
-- pause in ms after each answer. Token and route are picked at random for each request.

local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("seed", threads)
end

function init(args)
  local method, tokens_file, routes, body_bytes, connection, pause = unpack(args)
  math.randomseed(seed)
  tokens = {}
  for token in io.lines(tokens_file) do tokens[#tokens + 1] = token end
  last_route = tonumber(routes) - 1

  local lines = {
    method .. " /api/r%05d/items/42 HTTP/1.1",
    "Host: api.bench.example",
    "Authorization: Bearer %s",
    "Accept: application/json",
  }
  if connection == "close" then lines[#lines + 1] = "Connection: close" end
  local body = string.rep("x", tonumber(body_bytes))
  if #body > 0 then
    lines[#lines + 1] = "Content-Type: application/octet-stream"
    lines[#lines + 1] = "Content-Length: " .. #body
  end
  template = table.concat(lines, "\r\n") .. "\r\n\r\n" .. body

  if tonumber(pause) > 0 then
    -- Around the pause, so that the connections do not march in step.
    function delay() return tonumber(pause) * (0.5 + math.random()) end
  end
end

function request()
  return string.format(template, math.random(0, last_route), tokens[math.random(#tokens)])
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"seconds":%f,"bytes":%d,"errors":%d,"latency":[%f,%f,%f]}\n',
    summary.requests, summary.duration / 1e6, summary.bytes,
    e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
