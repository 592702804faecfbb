import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CLI } from '../../support/cli.ts';
import { type Lifetime, type Settings, writeConfiguration } from '../../support/gateway.ts';

export interface LoggingGateway {
  readonly url: string;
  readonly adminUrl: string;
  /** A flood fills a disk. */
  emptyLog(): void;
}

/** `postern serve` with its log in a file: whoever measures has no time to read it. */
export async function serveLogging(lifetime: Lifetime, settings: Settings): Promise<LoggingGateway> {
  const directory = writeConfiguration(settings);
  const file = join(directory, 'log');
  const log = openSync(file, 'a');
  const child = spawn(process.execPath, [CLI, 'serve', join(directory, 'gateway.yaml')], {
    stdio: ['ignore', log, 'inherit'],
  });
  closeSync(log);
  lifetime.after(() => child.kill('SIGKILL'));
  while (child.exitCode === null) {
    const line = readFileSync(file, 'utf8').match(/^.*"msg":"listening".*$/m);
    if (line) {
      const { address, admin } = JSON.parse(line[0]);
      return { url: `http://${address}`, adminUrl: `http://${admin}`, emptyLog: () => truncateSync(file) };
    }
    await delay(50);
  }
  throw new Error(`it ended with ${child.exitCode}`);
}
