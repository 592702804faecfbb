import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { bundle } from '../../../scripts/bundle.ts';
import { BUNDLE } from '../../support/cli.ts';
import type { Settings } from '../../support/gateway.ts';
import { type Besieged, startBesieged } from './besieged.ts';
import { type LoggingGateway, serveLogging } from './serve-logging.ts';
import { BEHAVIOURS, type BehaviourName } from './siege.ts';
import type { SiegeOrder } from './siege-thread.ts';

/**
 * `npm run bench:exhaustion [-- --connections N --seconds N]`: what each kind of siege costs those who only want their answer:
 * the 99th percentile of their times, before and during it, and the gateway's memory. Idle connections are ten times as many,
 * and opened before the clock runs. Besiegers and the upstream have threads of their own, but all share the machine: a flood
 * takes its time from who measures, too.
 */
const { values } = parseArgs({
  options: { connections: { type: 'string', default: '1000' }, seconds: { type: 'string', default: '10' } },
});
const connections = Number(values.connections);
const durationMs = Number(values.seconds) * 1000;

await bundle(BUNDLE);
const ends: (() => unknown)[] = [];
try {
  const upstream = new Worker(new URL('./upstream-thread.js', import.meta.url));
  ends.push(() => upstream.terminate());
  const [target] = (await once(upstream, 'message')) as [string];
  const lifetime = { after: (end: () => unknown) => void ends.push(end) };
  const start = (settings: Settings) => serveLogging(lifetime, settings);
  const gateway = await startBesieged(start, { max_connections: 1_000_000 }, target);
  await percentile(gateway, 1000);
  say(['siege', 'connections', 'quiet p99', 'besieged p99', 'ratio', 'memory', 'answers'].join('\t'));
  for (const name of Object.keys(BEHAVIOURS) as BehaviourName[]) await measure(gateway, name);
} finally {
  for (const end of ends.reverse()) await end();
}

async function measure(gateway: LoggingGateway & Besieged, name: BehaviourName): Promise<void> {
  const isIdle = name === 'idle connections';
  const order: SiegeOrder = {
    url: gateway.url,
    name,
    connections: isIdle ? 10 * connections : connections,
    openedInMs: isIdle ? 5000 : 0,
  };
  const quiet = await percentile(gateway, durationMs / 2);
  const siege = new Worker(new URL('./siege-thread.js', import.meta.url), { workerData: order });
  await delay(1000 + (order.openedInMs ?? 0));
  const besieged = await percentile(gateway, durationMs);
  const memory = `${Math.round((await gateway.memoryBytes()) / 1024 ** 2)} MB`;
  const times = [quiet, besieged].map((ms) => `${ms.toFixed(1)} ms`);
  siege.postMessage('how is it');
  const [{ open, statuses }] = (await once(siege, 'message')) as [{ open: number; statuses: object }];
  say([name, open, ...times, (besieged / quiet).toFixed(1), memory, JSON.stringify(statuses)].join('\t'));
  await siege.terminate();
  gateway.emptyLog();
  await delay(1000);
}

/** Of the times of requests one after the other, on one connection. */
async function percentile({ url }: LoggingGateway, forMs: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const times: number[] = [];
  for (const endsAt = Date.now() + forMs; Date.now() < endsAt; ) {
    const startedAt = performance.now();
    await answered(`${url}/open`, agent);
    times.push(performance.now() - startedAt);
  }
  agent.destroy();
  return times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN;
}

function answered(url: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { agent }, (response) => response.resume().on('end', resolve));
    asked.on('error', reject).end();
  });
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
