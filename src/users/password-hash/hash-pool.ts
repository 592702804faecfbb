import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import type { Piscina } from 'piscina';
import type { LoginLimitsConfig } from '../../config/schema.ts';
import { unavailable } from '../../errors.ts';
import { MAX_PASSWORD_BYTES } from '../credentials.ts';
import type { HashWork } from './hash-worker.ts';
import { hashProblem } from './schemes.ts';

/** What checks passwords against hashes: a `HashPool`, or something around one. */
export type HashVerifier = Pick<HashPool, 'verify'>;
/** What also makes hashes. */
export type HashMaker = Pick<HashPool, 'verify' | 'hash'>;

/** TypeScript when this file is run from source, JavaScript when it is built: the compiler does not rewrite URLs. */
const WORKER = new URL(`./hash-worker${extname(import.meta.url)}`, import.meta.url).href;
/** Each takes the memory of a hash. */
const MOST_AUTOMATIC = 4;
const IDLE_TIMEOUT_MS = 30_000;
/** For what is loaded with the first check, and not before the gateway starts. */
const require = createRequire(import.meta.url);
const OVERLONG_PASSWORD = 'a password that is too long';

/**
 * Checks passwords on threads of its own: at most `concurrent_checks` at once, `queue` more wait. Makes hashes there too,
 * when a thread has nothing to check.
 *
 * The hash libraries' own asynchronous calls would run on libuv's pool instead. It has four threads, and four argon2
 * hashes would hold up all that shares them: DNS look-ups, file reads, and the WebCrypto with which jose verifies the
 * tokens of every other request.
 *
 * The first thread starts with the first check and stays; the others start on demand and end when they are idle. None
 * of them keeps the process alive.
 */
export class HashPool {
  readonly #concurrentChecks: number;
  readonly #maxChecks: number;
  readonly #checks = new Set<Promise<boolean>>();
  readonly #made = new Set<Promise<string>>();
  #threads: Piscina<HashWork, boolean | string> | undefined;
  #closed = false;

  constructor({ concurrent_checks, queue }: Pick<LoginLimitsConfig, 'concurrent_checks' | 'queue'>) {
    this.#concurrentChecks =
      concurrent_checks === 'auto' ? Math.min(availableParallelism(), MOST_AUTOMATIC) : concurrent_checks;
    this.#maxChecks = this.#concurrentChecks + queue;
  }

  /**
   * A password of over 4096 bytes is refused unread, at the price of a check.
   *
   * @throws GatewayError `temporarily_unavailable` when the hash has a `hashProblem`, the queue is full, the pool is
   * closed, or a thread cannot start or dies.
   */
  async verify(password: string, hash: string): Promise<boolean> {
    const obstacle = hashProblem(hash) ?? this.#obstacle();
    if (obstacle !== undefined) throw unavailable(new Error(obstacle));
    return keepWhileRunning(this.#checks, this.#check(password, hash));
  }

  /**
   * A strong hash of a password that was right. Nobody waits for it, so it is made once a thread is free.
   *
   * @throws GatewayError `temporarily_unavailable` when the pool is closed, or a thread cannot start or dies.
   */
  async hash(password: string): Promise<string> {
    while (!this.#closed && this.#checks.size + this.#made.size >= this.#concurrentChecks) {
      await Promise.race([...this.#checks, ...this.#made]).catch(() => {}); // It is told to those who asked for it.
    }
    if (this.#closed) throw unavailable(new Error('hashing has ended'));
    return keepWhileRunning(this.#made, this.#run({ password }).then(String));
  }

  /** Refuses new work, waits for what is running or queued, and ends the threads. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([...this.#checks, ...this.#made]);
    await this.#threads?.destroy();
  }

  #obstacle(): string | undefined {
    if (this.#closed) return 'password checks have ended';
    // Counted here, for Piscina also runs the tasks that it refuses when `maxQueue` is 0.
    return this.#checks.size < this.#maxChecks ? undefined : 'the queue of password checks is full';
  }

  async #check(password: string, hash: string): Promise<boolean> {
    const overlong = Buffer.byteLength(password) > MAX_PASSWORD_BYTES;
    const right = await this.#run({ password: overlong ? OVERLONG_PASSWORD : password, hash });
    return right === true && !overlong;
  }

  async #run(work: HashWork): Promise<boolean | string> {
    this.#threads ??= this.#start();
    const threads = this.#threads;
    try {
      return await threads.run(work);
    } catch (error) {
      this.#discard(threads);
      throw unavailable(error);
    }
  }

  #start(): Piscina<HashWork, boolean | string> {
    const { Piscina }: typeof import('piscina') = require('piscina');
    const threads = new Piscina<HashWork, boolean | string>({
      filename: WORKER,
      minThreads: 1,
      maxThreads: this.#concurrentChecks,
      idleTimeout: IDLE_TIMEOUT_MS,
      stricterFIFO: true,
    });
    threads.on('error', () => this.#discard(threads));
    return threads;
  }

  /**
   * Work that fails has lost its thread, and Piscina may leave what is in the queue waiting for ever. So all of it fails,
   * and what comes next starts new threads.
   */
  #discard(threads: Piscina<HashWork, boolean | string>): void {
    if (this.#threads !== threads) return;
    this.#threads = undefined;
    void threads.destroy();
  }
}

async function keepWhileRunning<Result>(running: Set<Promise<Result>>, work: Promise<Result>): Promise<Result> {
  running.add(work);
  try {
    return await work;
  } finally {
    running.delete(work);
  }
}
