import cluster, { type Worker as ClusterWorker } from 'node:cluster';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unavailable } from '../errors.ts';
import { type Answer, type Argument, type Duty, LOADED, type Result } from './messages.ts';

/** TypeScript when this file is run from source, JavaScript when it is built: the compiler does not rewrite URLs. */
const PROGRAM = fileURLToPath(new URL(`./worker-process${extname(import.meta.url)}`, import.meta.url));

/** How long a worker may take for what it is asked; draining says for itself. */
const WITHIN_MS = 10_000;
/** What a configuration names may be far away, or large. */
const OPENING_WITHIN_MS = 60_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface Asked {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** How a process ended: its exit code, or the signal that killed it. */
export interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A process that takes requests, as the one that has started it sees it. */
export class Worker {
  /** From 1 on; the one that takes its place has the same. */
  readonly number: number;
  readonly pid: number | undefined;
  readonly startedAtMs = Date.now();
  /** Resolves when it has ended and all that it has written is read. */
  readonly ended: Promise<Ending>;
  readonly #process: ClusterWorker;
  readonly #asked = new Map<number, Asked>();
  readonly #loaded: Promise<unknown>;
  #questions = LOADED;
  #hasEnded = false;

  /** Starts one, which does nothing before it is asked. @param onLines takes whole lines of its log */
  constructor(number: number, onLines: (lines: string) => void) {
    // Each connection goes to the next worker. Left to the kernel, few connections that last are spread unevenly.
    cluster.schedulingPolicy = cluster.SCHED_RR;
    // Standard output is read here, for what several processes write into one pipe may be mixed within a line.
    cluster.setupPrimary({
      exec: PROGRAM,
      args: [],
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    this.number = number;
    this.#process = cluster.fork();
    const { process } = this.#process;
    this.pid = process.pid;
    this.#loaded = new Promise((resolve, reject) => this.#asked.set(LOADED, { resolve, reject }));
    this.#loaded.catch(() => {}); // Whoever asks it something is told.
    this.#process.on('message', (answer: Answer) => this.#settle(answer));
    forwardLines(process.stdout, onLines);
    // A connection or a question could not be handed to it: it is about to end, and without a listener so would this process.
    this.#process.on('error', (error) => this.#refuseAll(error.message));
    this.ended = new Promise((resolve) => {
      process.once('close', (code, signal) => {
        this.#hasEnded = true;
        this.#refuseAll(`it ended with ${signal ?? code}`);
        resolve({ code, signal });
      });
    });
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** @throws Error that the worker throws, or that it has ended, or does not answer in time; GatewayError for an outage. */
  async ask<Name extends Duty>(
    duty: Name,
    argument?: Argument<Name>,
    withinMs = withinOf(duty),
  ): Promise<Result<Name>> {
    this.#questions += 1;
    const id = this.#questions;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve, reject) => {
        const fail = (why: string) => reject(new Error(`worker ${this.number}: ${why}`));
        this.#asked.set(id, { resolve: (result) => resolve(result as Result<Name>), reject });
        timer = setTimeout(fail, Math.min(withinMs, LONGEST_TIMER_MS), `no answer to ${duty} in time`);
        if (this.#hasEnded) fail('it has ended');
        const send = () => this.#process.send({ id, duty, argument }, (error) => error && fail(error.message));
        this.#loaded.then(send, reject);
      });
    } finally {
      clearTimeout(timer);
      this.#asked.delete(id);
    }
  }

  kill(): void {
    this.#process.process.kill('SIGKILL');
  }

  #settle({ id, result, failure }: Answer): void {
    const asked = this.#asked.get(id);
    if (failure === undefined) asked?.resolve(result);
    else asked?.reject(failure.isOutage ? unavailable(new Error(failure.message)) : new Error(failure.message));
  }

  #refuseAll(why: string): void {
    for (const { reject } of this.#asked.values()) reject(new Error(`worker ${this.number}: ${why}`));
  }
}

function withinOf(duty: Duty): number {
  return duty === 'open' || duty === 'prepare' ? OPENING_WITHIN_MS : WITHIN_MS;
}

/** A line that is not whole at the end, of a process that was killed, is left out. */
function forwardLines(stdout: NodeJS.ReadableStream | null, onLines: (lines: string) => void): void {
  let rest = '';
  stdout?.setEncoding('utf8').on('data', (text: string) => {
    const end = text.lastIndexOf('\n') + 1;
    if (end > 0) onLines(rest + text.slice(0, end));
    rest = end > 0 ? text.slice(end) : rest + text;
  });
}
