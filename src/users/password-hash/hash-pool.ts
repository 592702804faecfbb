import { extname } from 'node:path';
import { Piscina } from 'piscina';
import type { LoginLimitsConfig } from '../../config/schema.ts';
import { unavailable } from '../../errors.ts';
import { MAX_PASSWORD_BYTES } from '../credentials.ts';
import type { HashCheck } from './hash-worker.ts';
import { hashProblem } from './schemes.ts';

/** What checks passwords against hashes: a `HashPool`, or something around one. */
export type HashVerifier = Pick<HashPool, 'verify'>;

/** TypeScript when this file is run from source, JavaScript when it is built: the compiler does not rewrite URLs. */
const WORKER = new URL(`./hash-worker${extname(import.meta.url)}`, import.meta.url).href;
const IDLE_TIMEOUT_MS = 30_000;
const OVERLONG_PASSWORD = 'a password that is too long';

/**
 * Checks passwords on threads of its own: at most `concurrent_checks` at once, `queue` more wait.
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
  #threads: Piscina<HashCheck, boolean> | undefined;
  #closed = false;

  constructor({ concurrent_checks, queue }: Pick<LoginLimitsConfig, 'concurrent_checks' | 'queue'>) {
    this.#concurrentChecks = concurrent_checks;
    this.#maxChecks = concurrent_checks + queue;
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
    const check = this.#check(password, hash);
    this.#checks.add(check);
    try {
      return await check;
    } finally {
      this.#checks.delete(check);
    }
  }

  /** Refuses new checks, waits for those that are running or queued, and ends the threads. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#checks);
    await this.#threads?.destroy();
  }

  #obstacle(): string | undefined {
    if (this.#closed) return 'password checks have ended';
    // Counted here, for Piscina also runs the tasks that it refuses when `maxQueue` is 0.
    return this.#checks.size < this.#maxChecks ? undefined : 'the queue of password checks is full';
  }

  async #check(password: string, hash: string): Promise<boolean> {
    this.#threads ??= this.#start();
    const threads = this.#threads;
    const overlong = Buffer.byteLength(password) > MAX_PASSWORD_BYTES;
    try {
      const right = await threads.run({ password: overlong ? OVERLONG_PASSWORD : password, hash });
      return right && !overlong;
    } catch (error) {
      this.#discard(threads);
      throw unavailable(error);
    }
  }

  #start(): Piscina<HashCheck, boolean> {
    const threads = new Piscina<HashCheck, boolean>({
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
   * A check that fails has lost its thread, and Piscina may leave those in the queue waiting for ever. So all of them
   * are told, and the next check starts new threads.
   */
  #discard(threads: Piscina<HashCheck, boolean>): void {
    if (this.#threads !== threads) return;
    this.#threads = undefined;
    void threads.destroy();
  }
}
