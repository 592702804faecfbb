import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { removeFolder, stop, takesConnections } from '../test/support/server-process.ts';
import type { Cores } from './cores.ts';
import type { Options } from './options.ts';

const READY_WITHIN_MS = 60_000;

/** The cores that a process may run on. */
export type Place = 'gateway' | 'load' | 'all';

export interface Started {
  readonly pid: number;
  readonly process: ChildProcess;
  /** What it has written to stdout and stderr: its access log, too. */
  readonly output: string;
}

/** Where cases run: a folder, cores, and processes that end with it. */
export class Bench {
  readonly options: Options;
  readonly cores: Cores;
  readonly #folder = mkdtempSync(join(tmpdir(), 'postern-bench-'));
  readonly #processes = new Set<ChildProcess>();
  #folders = 0;

  constructor(options: Options, cores: Cores) {
    this.options = options;
    this.cores = cores;
  }

  /** A new folder for what a peer reads and writes; it is removed with the bench. */
  newFolder(name: string): string {
    this.#folders += 1;
    const folder = join(this.#folder, `${this.#folders}-${name}`);
    mkdirSync(folder);
    return folder;
  }

  /** Starts a program whose output goes into a file of the folder: a pipe would make this process work for it. */
  start(place: Place, folder: string, command: readonly string[], env: NodeJS.ProcessEnv = {}): Started {
    const output = join(folder, 'output.log');
    const file = openSync(output, 'a', 0o600);
    const [program = '', ...args] = this.pinned(place, command);
    const child = spawn(program, args, { stdio: ['ignore', file, file], env: { ...process.env, ...env } });
    closeSync(file);
    return { pid: child.pid ?? 0, output, ...this.adopt({ process: child }) };
  }

  /** A server that somebody else has started ends with the bench, too. */
  adopt<Server extends { readonly process: ChildProcess }>(server: Server): Server {
    const { process: child } = server;
    this.#processes.add(child);
    child.once('exit', () => this.#processes.delete(child));
    return server;
  }

  /** The command that runs a command on its cores. taskset becomes the program, so its PID is the program's. */
  pinned(place: Place, command: readonly string[]): readonly string[] {
    const cores = this.cores[place];
    return cores === undefined ? command : ['taskset', '-c', cores, ...command];
  }

  async end(): Promise<void> {
    await Promise.all([...this.#processes].map((child) => stop(child)));
    removeFolder(this.#folder);
  }
}

/** How to run a program of bench/programs/, from source or compiled. */
export function program(name: string): readonly string[] {
  const file = new URL(`./programs/${name}${extname(import.meta.url)}`, import.meta.url).pathname;
  return [process.execPath, ...process.execArgv, file];
}

/** @throws Error with what the program said, when it ends or takes too long. */
export async function untilAccepting(started: Started, port: number): Promise<void> {
  await until(started, async () => (await takesConnections(port)) || undefined);
}

/** Asks until there is an answer. @throws Error with what the program said, when it ends or takes too long. */
export async function until<Answer>(
  { process: child, output }: Started,
  ask: () => Answer | undefined | Promise<Answer | undefined>,
): Promise<Answer> {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (child.exitCode === null && Date.now() < deadline) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await delay(20);
  }
  throw new Error(`${child.spawnargs.join(' ')} is not ready: ${readFileSync(output, 'utf8').slice(-2000)}`);
}
