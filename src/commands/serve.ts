import { createGateway, type Gateway, readConfig } from '../gateway.ts';
import { BadConfiguration } from './bad-configuration.ts';

/**
 * Runs the gateway until a signal ends it. SIGTERM and SIGINT drain; a second one ends it at once. SIGHUP reloads.
 *
 * @throws BadConfiguration before anything listens.
 */
export async function serve(file: string): Promise<void> {
  const opening = open(file);
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

function open(file: string): Promise<Gateway> {
  return createGateway(readConfig(file)).catch((cause: Error) => {
    throw new BadConfiguration(cause);
  });
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
