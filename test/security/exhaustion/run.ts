import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { divideCores, moveTo } from '../../../bench/cores.ts';
import { bundle } from '../../../scripts/bundle.ts';
import { BUNDLE } from '../../support/cli.ts';
import type { Settings } from '../../support/gateway.ts';
import { type Besieged, startBesieged } from './besieged.ts';
import { type LoggingGateway, serveLogging } from './serve-logging.ts';
import { BEHAVIOURS, type BehaviourName } from './siege.ts';
import type { SiegeOrder, SiegeReport } from './siege-process.ts';

/**
 * `npm run bench:exhaustion [-- --connections N --seconds N --rounds N --only PART]`: what each kind of siege costs those who
 * only want their answer: the 99th percentile of their times, before and during it, and the gateway's memory. Idle
 * connections are ten times as many, and opened before the clock runs. All is done twice: what is made at the first login, say, is
 * there in the second round, and memory should not grow in it any more.
 *
 * The gateway has a core of its own, where there are two. Besiegers come from one other address than who measures, but in the
 * rows that say otherwise, and a lower priority on the core that all others share. What that costs who measures is
 * told by the same percentile of requests that go to the upstream, past the gateway. There are pauses between them, so that the
 * besiegers have the most of their core.
 */
const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '2' },
    only: { type: 'string', default: '' },
  },
});
const connections = Number(values.connections);
const durationMs = Number(values.seconds) * 1000;

interface Row extends Pick<SiegeOrder, 'name' | 'addresses'> {
  readonly title: string;
}

const PAUSE_MS = 5;
const ONE_OTHER = ['127.0.0.2'];
const MANY_OTHERS = Array.from({ length: 100 }, (_, index) => `127.0.1.${index + 1}`);
const SAME = ['127.0.0.1'];
const ROWS: readonly Row[] = [
  ...(Object.keys(BEHAVIOURS) as BehaviourName[]).map((name) => ({ title: name, name, addresses: ONE_OTHER })),
  { title: 'unknown paths, from 100 addresses', name: 'unknown paths', addresses: MANY_OTHERS },
  { title: 'unknown paths, from the same address', name: 'unknown paths', addresses: SAME },
];

await bundle(BUNDLE);
const cores = divideCores();
const ends: (() => unknown)[] = [];
try {
  moveTo(cores.gateway);
  const lifetime = { after: (end: () => unknown) => void ends.push(end) };
  const start = (settings: Settings) => serveLogging(lifetime, settings);
  const [target, endless] = [await startUpstream(), await startUpstream()];
  const many = { max_connections: 1_000_000, max_connections_per_address: 1_000_000 };
  const gateway = await startBesieged(start, many, { api: target, endless });
  moveTo(cores.load);
  say(cores.sentence);
  await percentiles(gateway.url, target, 1000);
  say(
    ['siege', 'connections', 'p99 quiet', 'besieged', 'ratio', 'p99 of the upstream', 'memory', 'answers'].join('\t'),
  );
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const row of ROWS.filter(({ title }) => title.includes(values.only))) await measure(gateway, target, row);
  }
} finally {
  for (const end of ends.reverse()) await end();
}

async function measure(gateway: LoggingGateway & Besieged, target: string, { title, ...siege }: Row): Promise<void> {
  const isIdle = siege.name === 'idle connections';
  const openedInMs = isIdle ? 5000 : 0;
  const quiet = await percentiles(gateway.url, target, durationMs / 2);
  const order = { ...siege, url: gateway.url, connections: isIdle ? 10 * connections : connections, openedInMs };
  const besiegers = startProcess('./siege-process.js', order);
  await once(besiegers, 'message');
  await delay(1000);
  const besieged = await percentiles(gateway.url, target, durationMs);
  const memory = `${Math.round((await gateway.memoryBytes()) / 1024 ** 2)} MB`;
  besiegers.send('how is it');
  const [{ open, statuses }] = (await once(besiegers, 'message')) as [SiegeReport];
  const ratio = (besieged.gateway / quiet.gateway).toFixed(1);
  const control = `${inMs(quiet.upstream)} → ${inMs(besieged.upstream)}`;
  const times = [inMs(quiet.gateway), inMs(besieged.gateway), ratio, control];
  say([title, open, ...times, memory, JSON.stringify(statuses)].join('\t'));
  besiegers.kill('SIGKILL');
  gateway.emptyLog();
  await delay(1000);
}

async function startUpstream(): Promise<string> {
  const upstream = startProcess('./upstream-process.js');
  ends.push(() => upstream.kill('SIGKILL'));
  const [target] = (await once(upstream, 'message')) as [string];
  return target;
}

/** On the cores that are not the gateway's. */
function startProcess(module: string, order: object = {}): ChildProcess {
  const pinned = cores.load && { execPath: 'taskset', execArgv: ['-c', cores.load, process.execPath] };
  return fork(fileURLToPath(new URL(module, import.meta.url)), [JSON.stringify(order)], { ...pinned });
}

/** Of the times of requests through the gateway and to its upstream, in turn, each on one connection. */
async function percentiles(gateway: string, upstream: string, forMs: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const times = { gateway: [] as number[], upstream: [] as number[] };
  for (const endsAt = Date.now() + forMs; Date.now() < endsAt; ) {
    times.gateway.push(await answered(`${gateway}/open`, agent));
    times.upstream.push(await answered(`${upstream}/open`, agent));
    await delay(PAUSE_MS);
  }
  agent.destroy();
  return { gateway: percentile(times.gateway), upstream: percentile(times.upstream) };
}

function percentile(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN;
}

/** @returns after how many milliseconds */
function answered(url: string, agent: Agent): Promise<number> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const asked = request(url, { agent }, (response) => {
      response.resume().on('end', () => resolve(performance.now() - startedAt));
    });
    asked.on('error', reject).end();
  });
}

function inMs(ms: number): string {
  return `${ms.toFixed(1)} ms`;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
