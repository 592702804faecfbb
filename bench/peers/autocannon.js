import { readFileSync } from 'node:fs';
import autocannon from 'autocannon';

/** What autocannon sends: the same as load/wrk.lua. Its argument is a `Load` of load/load.ts, and it prints a `LoadResult`. */
const { traffic, port, tokensFile, seconds } = JSON.parse(process.argv[2]);
const { method, requestBytes, routes, connections, keepAlive, pauseMs, answerBytes } = traffic;
const tokens = readFileSync(tokensFile, 'utf8').trim().split('\n');
const pick = (count) => Math.floor(Math.random() * count);

const result = await autocannon({
  url: `http://127.0.0.1:${port}`,
  connections,
  duration: seconds,
  ...(pauseMs > 0 && { overallRate: Math.round((1000 * connections) / pauseMs) }),
  requests: [
    {
      method,
      ...(requestBytes > 0 && { body: 'x'.repeat(requestBytes) }),
      setupRequest: (request) => ({
        ...request,
        path: `/api/r${String(pick(routes)).padStart(5, '0')}/items/42`,
        headers: {
          host: 'api.bench.example',
          authorization: `Bearer ${tokens[pick(tokens.length)]}`,
          accept: 'application/json',
          ...(requestBytes > 0 && { 'content-type': 'application/octet-stream' }),
          ...(!keepAlive && { connection: 'close' }),
        },
      }),
    },
  ],
});
const { total } = result.requests;
const wrong = total - (result.statusCodeStats['200']?.count ?? 0);
const tooShort = total === 0 || result.throughput.total < total * answerBytes ? 1 : 0;
const { p50, p99, p99_9: p999 } = result.latency;
const errors = wrong + result.errors + result.timeouts + tooShort;
process.stdout.write(
  JSON.stringify({ requests: total, seconds: result.duration, errors, latencyMs: { p50, p99, p999 } }),
);
