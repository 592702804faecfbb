import { resolve } from 'node:path';
import { versionOf } from '../measure/machine.ts';
import type { LoadGenerator, LoadResult } from './load.ts';
import { runProgram } from './run-program.ts';

const SCRIPT = 'bench/load/wrk.lua';

export const wrk: LoadGenerator = {
  name: 'wrk',
  missing: () => (versionOf('wrk', '-v') ? undefined : 'wrk is not in PATH: apt-get install wrk'),

  async run(bench, { traffic, port, tokensFile, seconds }) {
    const threads = Math.min(bench.cores.loadCount, traffic.connections);
    const { method, connections, routes, requestBytes, keepAlive, pauseMs } = traffic;
    const command = [
      ...['wrk', '-t', threads, '-c', connections, '-d', `${seconds}s`, '--timeout', '10s'],
      ...['-s', resolve(SCRIPT), `http://127.0.0.1:${port}`, '--'],
      ...[method, tokensFile, routes, requestBytes, keepAlive ? 'keep-alive' : 'close', pauseMs],
    ];
    const output = await runProgram(bench.pinned('load', command.map(String)));
    return readResult(output, traffic.answerBytes);
  },
};

/** Latencies in microseconds, as the script's `done` prints them. */
interface Done {
  readonly requests: number;
  readonly seconds: number;
  readonly bytes: number;
  readonly errors: number;
  readonly latency: readonly [number, number, number];
}

/**
 * wrk looks at the status only for whether it is above 399: so the sizes are looked at too, and the bench asks once before
 * each round and reads that answer whole. A look at each answer in Lua would cost as much as the request.
 */
function readResult(output: string, answerBytes: number): LoadResult {
  const line = output.split('\n').find((candidate) => candidate.startsWith('RESULT '));
  if (line === undefined) throw new Error(`wrk has no result: ${output}`);
  const { requests, seconds, bytes, errors, latency } = JSON.parse(line.slice('RESULT '.length)) as Done;
  const [p50, p99, p999] = latency.map((microseconds) => microseconds / 1000) as [number, number, number];
  const tooShort = requests === 0 || bytes < requests * answerBytes ? 1 : 0;
  return { requests, seconds, errors: errors + tooShort, latencyMs: { p50, p99, p999 } };
}
