import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';
import { CLI } from './cli.ts';
import { type Lifetime, type Settings, writeConfiguration } from './gateway.ts';
import { hear, hearErrorsOf } from './overheard.ts';

export interface ServedGateway {
  readonly url: string;
  readonly adminUrl: string;
  /** The folder of gateway.yaml. */
  readonly directory: string;
  readonly process: ChildProcessWithoutNullStreams;
  /** All lines of stdout so far. */
  readonly lines: string[];
}

/** http-proxy calls `util._extend` when it is loaded, which Node tells of from version 24 on. */
const QUIET = '--disable-warning=DEP0060';

/** `postern serve`, in a process of its own, once it says that it listens. */
export async function serve(lifetime: Lifetime, settings: Settings): Promise<ServedGateway> {
  const directory = writeConfiguration({ listen: { shutdown_grace: '25s' }, ...settings });
  const child = spawn(process.execPath, [QUIET, CLI, 'serve', join(directory, 'gateway.yaml')]);
  lifetime.after(() => child.kill('SIGKILL'));
  const lines: string[] = [];
  let rest = '';
  const listening = new Promise<Record<string, string>>((resolve, reject) => {
    child.stderr.on('data', (chunk) => hear(String(chunk)));
    child.stdout.on('data', (chunk: Buffer) => {
      hear(String(chunk));
      const parts = (rest + chunk).split('\n');
      rest = parts.pop() ?? '';
      lines.push(...parts);
      const record = parts.map((line) => JSON.parse(line)).find(({ msg }) => msg === 'listening');
      if (record) resolve(record);
    });
    child.once('exit', (code) => reject(new Error(`it ended with ${code}`)));
  });
  const { address, admin } = await listening;
  const [url, adminUrl] = [`http://${address}`, `http://${admin}`];
  hearErrorsOf(url, adminUrl);
  return { url, adminUrl, directory, process: child, lines };
}

/** Whether a process is. */
export function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
