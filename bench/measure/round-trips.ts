import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';

/** Commands that reach the monitor after the answers to them. */
const SETTLE_MS = 100;

/**
 * What clients ask a Redis for each of `times` works, one after the other, as its MONITOR shows it. What is asked by the
 * clock is counted in as long a time without work, and taken off. Commands inside of scripts are no round trips.
 */
export async function roundTripsOf(url: string, times: number, work: () => Promise<unknown>): Promise<number> {
  const redis = new Redis(url);
  const monitor = await redis.monitor();
  let commands = 0;
  monitor.on('monitor', (_time, _command, source: string) => {
    if (source !== 'lua') commands += 1;
  });
  const startedAt = performance.now();
  for (let done = 0; done < times; done += 1) await work();
  const elapsedMs = performance.now() - startedAt;
  await delay(SETTLE_MS);
  const busy = commands;
  await delay(elapsedMs);
  const quiet = commands - busy;
  monitor.disconnect();
  redis.disconnect();
  return (busy - quiet) / times;
}
