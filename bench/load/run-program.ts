import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Runs a program to its end, and gives what it wrote to stdout. @throws Error with all that it said when it fails. */
export async function runProgram([program = '', ...args]: readonly string[]): Promise<string> {
  const child = spawn(program, args);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${stderr}${stdout}`);
  return stdout;
}
