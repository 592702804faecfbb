import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { CLI } from '../support/cli.ts';
import { type Settings, writeConfiguration } from '../support/gateway.ts';
import { hear, hearErrorsOf } from '../support/overheard.ts';

export interface ServedGateway {
  readonly url: string;
  readonly adminUrl: string;
  /** The folder of gateway.yaml. */
  readonly directory: string;
  /** All that it has written so far, to standard output and standard error. */
  output(): string;
  /** Drains it. Resolves once it has ended and all its output is there. */
  stop(): Promise<void>;
}

/** `postern serve` in a process of its own, for what only its output can tell. */
export async function serveGateway(test: TestContext, settings: Settings): Promise<ServedGateway> {
  const directory = writeConfiguration(settings);
  const child = spawn(process.execPath, [CLI, 'serve', join(directory, 'gateway.yaml')]);
  test.after(() => child.kill('SIGKILL'));
  let output = '';
  const [address, admin] = await new Promise<[string, string]>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output += chunk;
      hear(String(chunk));
      const [, found, foundAdmin] = /address"?[:=]"([\d.:]+)"[\s\S]*admin"?[:=]"([\d.:]+)"/.exec(output) ?? [];
      if (found && foundAdmin) resolve([found, foundAdmin]);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('exit', (code) => reject(new Error(`it ended with ${code}: ${output}`)));
  });
  const stop = async () => {
    const closed = once(child, 'close');
    child.kill('SIGTERM');
    await closed;
  };
  const [url, adminUrl] = [`http://${address}`, `http://${admin}`];
  hearErrorsOf(url, adminUrl);
  return { url, adminUrl, directory, output: () => output, stop };
}
