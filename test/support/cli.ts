import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { hear } from './overheard.ts';

/** Where those who run tests put the gateway as it is shipped, in few files. */
export const BUNDLE = `${process.cwd()}/build/bundle`;
export const CLI = `${BUNDLE}/cli.js`;

/** That is what they are for. */
const SAY_SECRETS = new Set(['client', 'hash']);

/** Runs the command line to its end. */
export async function postern(
  args: readonly string[],
  input = '',
): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [CLI, ...args]);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  if (!SAY_SECRETS.has(args[0] ?? '')) hear(stdout + stderr);
  return { code, stdout, stderr };
}
