import { availableParallelism } from 'node:os';
import type { Config } from '../config/schema.ts';
import { createGateway, type Gateway, readConfig } from '../gateway.ts';
import { putEventLoopFirst } from '../thread-priority.ts';
import { BadConfiguration } from './bad-configuration.ts';

type Served = Pick<Gateway, 'listen' | 'reload' | 'close'>;

/**
 * Runs the gateway until a signal ends it. SIGTERM and SIGINT drain; a second one ends it at once. SIGHUP reloads.
 *
 * @throws BadConfiguration before anything listens.
 */
export async function serve(file: string): Promise<void> {
  const opening = open(readConfig(file)).catch((cause: Error) => {
    throw new BadConfiguration(cause);
  });
  // From the start on, for without a listener SIGHUP would end the process. Why a reload failed is in the log.
  process.on('SIGHUP', () => void opening.then((gateway) => gateway.reload()).catch(() => {}));
  const gateway = await opening;
  const ended = firstSignal();
  try {
    await gateway.listen();
    await ended;
  } finally {
    await gateway.close();
  }
}

/** In this process, or in several that it looks after. */
async function open(config: Config): Promise<Served> {
  const { workers } = config.listen;
  const count = workers === 'auto' ? availableParallelism() : workers;
  if (count > 1) return (await import('../workers/supervise.ts')).supervise(config, count);
  putEventLoopFirst();
  return createGateway(config);
}

function firstSignal(): Promise<void> {
  return new Promise((resolve) => {
    let signals = 0;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        signals += 1;
        if (signals > 1) process.exit(1);
        resolve();
      });
    }
  });
}
