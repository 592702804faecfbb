import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Bench } from '../bench.ts';
import type { BenchCase, Findings } from '../bench-case.ts';
import { openKeys, tokensFile } from '../keys.ts';
import { type Usage, usageOf } from '../measure/process-tree.ts';
import { printNumber, printSpread, quantile, spreadOf } from '../measure/spread.ts';
import { nginx } from '../peers/nginx.ts';
import { postern } from '../peers/postern.ts';
import { choosePeers } from '../peers.ts';
import { type Competitor, endAll, startCompetitors } from '../rounds.ts';
import { USUAL_TRAFFIC } from '../traffic.ts';
import { startNodeUpstream } from '../upstream.ts';

const STREAMING = [postern, nginx];
const STREAM_BYTES = 1024 ** 3;
const WARM_UP_BYTES = 64 * 1024 ** 2;
const SAMPLE_EVERY_MS = 50;
const EVENTS = 200;
const EVENT_EVERY_MS = 10;

export const streamCases: readonly BenchCase[] = [
  {
    name: 'stream-download',
    sentence: 'A download of 1 GiB, after one of 64 MiB; memory looked at every 50 ms',
    isUsual: true,
    run: (bench) => withTargets(bench, (targets) => compareTransfers(bench, targets, download)),
  },
  {
    name: 'stream-upload',
    sentence: 'An upload of 1 GiB in chunks, after one of 64 MiB; memory looked at every 50 ms',
    isUsual: true,
    run: (bench) => withTargets(bench, (targets) => compareTransfers(bench, targets, upload)),
  },
  {
    name: 'stream-events',
    sentence: `${EVENTS} server-sent events, one every ${EVENT_EVERY_MS} ms: from the upstream's write to the client's read`,
    isUsual: true,
    run: (bench) => withTargets(bench, (targets) => compareEvents(bench, targets)),
  },
];

/** What is asked for a stream: a gateway, or the upstream without one. */
interface Target {
  readonly name: string;
  readonly port: number;
  readonly pids: readonly number[];
  readonly token: string;
}

async function withTargets(
  bench: Bench,
  measure: (targets: readonly Target[]) => Promise<Findings>,
): Promise<Findings> {
  const keys = openKeys('RS256');
  const token = readFileSync(await tokensFile(keys, 1), 'utf8').trim();
  const upstream = await startNodeUpstream(bench);
  const peers = choosePeers(bench.options.peers).filter((peer) => STREAMING.includes(peer));
  const setting = { traffic: USUAL_TRAFFIC, keys, upstreamPort: upstream.port };
  const { competitors, absent } = await startCompetitors(bench, setting, peers);
  try {
    const gateways = competitors.map(({ peer: { name }, running }: Competitor) => ({ name, ...running, token }));
    const found = await measure([...gateways, { name: 'no gateway', port: upstream.port, pids: [], token }]);
    return { ...found, notes: [...absent, ...found.notes] };
  } finally {
    await endAll(competitors);
    await upstream.stop();
  }
}

type Transfer = (target: Target, bytes: number) => Promise<void>;

interface Passed {
  readonly megabytesPerSecond: number;
  readonly cpuSeconds: number;
  readonly rssBytes: readonly number[];
}

async function compareTransfers(bench: Bench, targets: readonly Target[], transfer: Transfer): Promise<Findings> {
  const passed = new Map<string, Passed[]>(targets.map(({ name }) => [name, []]));
  for (const target of targets) await transfer(target, WARM_UP_BYTES);
  for (let round = 0; round < bench.options.rounds; round += 1) {
    for (const target of targets) passed.get(target.name)?.push(await measureTransfer(target, transfer));
  }
  return {
    table: {
      columns: ['through', 'MB/s', 'CPU s', 'RSS MB at its least and most'],
      rows: [...passed].map(([name, rounds]) => {
        const rss = rounds.flatMap(({ rssBytes }) => rssBytes);
        return [
          name,
          printSpread(spreadOf(rounds.map(({ megabytesPerSecond }) => megabytesPerSecond)), 0),
          name === 'no gateway' ? '–' : printSpread(spreadOf(rounds.map(({ cpuSeconds }) => cpuSeconds)), 2),
          name === 'no gateway'
            ? '–'
            : `${printNumber(Math.min(...rss) / 1e6, 1)}–${printNumber(Math.max(...rss) / 1e6, 1)}`,
        ];
      }),
    },
    notes: [
      'Client and upstream are Node programs, and share the cores of the load: mostly, it is they who are waited for.',
    ],
    figures: Object.fromEntries(passed),
  };
}

async function measureTransfer(target: Target, transfer: Transfer): Promise<Passed> {
  const samples: Usage[] = [usageOf(target.pids)];
  const sampling = setInterval(() => samples.push(usageOf(target.pids)), SAMPLE_EVERY_MS);
  const startedAt = performance.now();
  await transfer(target, STREAM_BYTES);
  const seconds = (performance.now() - startedAt) / 1000;
  clearInterval(sampling);
  samples.push(usageOf(target.pids));
  const cpu = samples.map(({ cpuMicroseconds }) => cpuMicroseconds / 1e6);
  return {
    megabytesPerSecond: STREAM_BYTES / 1e6 / seconds,
    cpuSeconds: Math.max(...cpu) - Math.min(...cpu),
    rssBytes: samples.map(({ rssBytes }) => rssBytes),
  };
}

const CHUNK = Buffer.alloc(64 * 1024, 'x');

async function download(target: Target, bytes: number): Promise<void> {
  const asking = ask(target, 'GET', `/stream/download?bytes=${bytes}`);
  asking.end();
  const received = await countBytes(await answerTo(asking));
  if (received !== bytes) throw new Error(`${target.name}: ${received} bytes came of ${bytes}`);
}

async function upload(target: Target, bytes: number): Promise<void> {
  const asking = ask(target, 'POST', '/stream/upload');
  const answered = answerTo(asking);
  for (let sent = 0; sent < bytes; sent += CHUNK.length) {
    if (!asking.write(CHUNK)) await once(asking, 'drain');
  }
  asking.end();
  const text = await readText(await answered);
  if (JSON.parse(text).bytes !== bytes) throw new Error(`${target.name}: of ${bytes} bytes came ${text}`);
}

async function compareEvents(bench: Bench, targets: readonly Target[]): Promise<Findings> {
  const delays = new Map<string, number[]>(targets.map(({ name }) => [name, []]));
  for (let round = 0; round < bench.options.rounds; round += 1) {
    for (const target of targets) delays.get(target.name)?.push(...(await eventDelays(target)));
  }
  return {
    table: {
      columns: ['through', 'p50 ms', 'p99 ms', 'most ms'],
      rows: [...delays].map(([name, values]) => [
        name,
        ...[0.5, 0.99, 1].map((share) => printNumber(quantile(values, share), 2)),
      ]),
    },
    notes: [],
    figures: Object.fromEntries(delays),
  };
}

/** In milliseconds. Upstream and client have one monotonic clock. */
async function eventDelays(target: Target): Promise<readonly number[]> {
  const asking = ask(target, 'GET', `/stream/events?count=${EVENTS}&everyMs=${EVENT_EVERY_MS}`);
  asking.end();
  const delays: number[] = [];
  for await (const chunk of await answerTo(asking)) {
    const now = process.hrtime.bigint();
    for (const [, sentAt = ''] of String(chunk).matchAll(/^data: (\d+)$/gm))
      delays.push(Number(now - BigInt(sentAt)) / 1e6);
  }
  if (delays.length !== EVENTS) throw new Error(`${target.name}: ${delays.length} events came of ${EVENTS}`);
  return delays;
}

function ask({ port, token }: Target, method: string, path: string): ClientRequest {
  const headers = { Host: 'api.bench.example', Authorization: `Bearer ${token}` };
  return request({ host: '127.0.0.1', port, method, path, headers, agent: false });
}

/** @throws Error when it is none. */
async function answerTo(asking: ClientRequest): Promise<IncomingMessage> {
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  if (answer.statusCode === 200) return answer;
  throw new Error(`${asking.method} ${asking.path} is answered ${answer.statusCode}`);
}

async function countBytes(answer: IncomingMessage): Promise<number> {
  let bytes = 0;
  for await (const chunk of answer) bytes += (chunk as Buffer).length;
  return bytes;
}

async function readText(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer) text += chunk;
  return text;
}
