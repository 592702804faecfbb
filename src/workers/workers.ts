import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Registry } from 'prom-client';
import type { Config } from '../config/schema.ts';
import { unavailable } from '../errors.ts';
import type { Operated } from '../generation/operation.ts';
import type { AdminAnswer, AdminRequest, AdminRoute } from '../observe/admin-listener.ts';
import { describeCause, type Log, stdoutLines } from '../observe/log.ts';
import type { RouteName } from './messages.ts';
import { type Ending, Worker } from './worker.ts';
import { WorkerMetrics } from './worker-metrics.ts';

/** What a worker has beyond `shutdown_grace` before it is killed. */
const DRAINED_WITHIN_MS = 5000;
/** How long until one that ended is replaced: twice as long each time, unless it had lived for a while. */
const BACK_OFF_MS = { first: 100, longest: 30_000, forgottenAfter: 60_000 };

/** The processes that take requests at one address. One that ends is replaced. */
export class Workers implements Operated {
  readonly routes: readonly AdminRoute[];
  readonly #log: Log;
  /** Those that are there, and those of them that take requests. */
  readonly #all: Set<Worker>;
  readonly #serving = new Set<Worker>();
  readonly #count: number;
  readonly #metrics = new WorkerMetrics(() => this.#serving.size);
  readonly #closing = new AbortController();
  #config: Config;
  #version = 0;
  /** Reloads, and workers that join, one after the other: so no worker misses a configuration. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(config: Config, workers: readonly Worker[], routes: readonly RouteName[], log: Log) {
    this.#config = config;
    this.#all = new Set(workers);
    this.#count = workers.length;
    this.#log = log;
    this.routes = routes.map((route) => ({ ...route, answer: (request) => this.#answer(route, request) }));
  }

  /** Starts as many. Nothing listens yet. @throws Error when a file that the configuration names cannot be used. */
  static async open(config: Config, count: number, log: Log): Promise<Workers> {
    const workers = Array.from({ length: count }, (_, index) => startWorker(index + 1));
    const open = (worker: Worker) =>
      worker.ask('open', { number: worker.number, config: withShare(config, workers.length) });
    try {
      const [first, ...others] = workers;
      // The first signing key in `keys_dir` is made by one of them.
      const routes = first === undefined ? [] : await open(first);
      await Promise.all(others.map(open));
      return new Workers(config, workers, routes, log);
    } catch (error) {
      for (const worker of workers) worker.kill();
      throw error;
    }
  }

  get config(): Config {
    return this.#config;
  }

  get registry(): Registry {
    return this.#metrics.registry;
  }

  get notes(): readonly string[] {
    const [serving, all] = [this.#serving.size, this.#count];
    return serving === all ? [] : [`${serving} of ${all} workers take requests`];
  }

  async listen(): Promise<AddressInfo> {
    const workers = [...this.#all];
    const [address] = await Promise.all(workers.map((worker) => worker.ask('listen')));
    if (address === undefined) throw new Error('there is no worker');
    for (const worker of workers) {
      this.#serve(worker);
      void this.#keep(worker);
    }
    return address;
  }

  /** One is enough: those that are being replaced are given no connections. */
  async isReady(): Promise<boolean> {
    if (this.#closing.signal.aborted) return false;
    const ready = [...this.#serving].map((worker) => worker.ask('isReady').catch(() => false));
    return (await Promise.all(ready)).includes(true);
  }

  metrics(): Promise<string> {
    return this.#metrics.read([...this.#serving]);
  }

  use(config: Config): Promise<void> {
    return this.#inTurn(async () => {
      const version = ++this.#version;
      const workers = [...this.#serving];
      await this.#prepare(workers, config, version);
      this.#config = config;
      await Promise.all(workers.map((worker) => worker.ask('swap', version).catch(() => worker.kill())));
    });
  }

  async drain(): Promise<void> {
    const withinMs = this.#config.listen.shutdown_grace + DRAINED_WITHIN_MS;
    this.#closing.abort();
    await Promise.all([...this.#serving].map((worker) => this.#drain(worker, withinMs)));
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([...this.#all].map((worker) => this.#close(worker)));
  }

  /** All of them or none. One that ends meanwhile is no obstacle: the one that takes its place begins with what is used then. */
  async #prepare(workers: readonly Worker[], config: Config, version: number): Promise<void> {
    const next = { version, config: withShare(config, this.#count) };
    const outcomes = await Promise.allSettled(workers.map((worker) => worker.ask('prepare', next)));
    const failed = outcomes.find((outcome, index) => outcome.status === 'rejected' && !workers[index]?.hasEnded);
    if (failed?.status !== 'rejected') return;
    await Promise.all(workers.map((worker) => worker.ask('discard').catch(() => worker.kill())));
    throw failed.reason;
  }

  #serve(worker: Worker): void {
    this.#serving.add(worker);
    this.#log.info({ worker: worker.number, pid: worker.pid }, 'worker started');
  }

  /** Replaces it when it ends, and the next one too, until this closes. */
  async #keep(first: Worker): Promise<void> {
    for (let [worker, failures] = [first, 0]; ; ) {
      const ending = await worker.ended;
      await this.#forget(worker, ending);
      if (this.#closing.signal.aborted) return;
      failures = Date.now() - worker.startedAtMs > BACK_OFF_MS.forgottenAfter ? 0 : failures;
      await this.#backOff(failures);
      if (this.#closing.signal.aborted) return;
      failures += 1;
      worker = this.#replace(worker);
    }
  }

  async #forget(worker: Worker, { code, signal }: Ending): Promise<void> {
    this.#all.delete(worker);
    this.#serving.delete(worker);
    await this.#metrics.keepCountsOf(worker);
    if (this.#closing.signal.aborted) return;
    this.#log.error({ worker: worker.number, pid: worker.pid, code, signal }, 'worker ended');
  }

  #backOff(failures: number): Promise<void> {
    const waitMs = Math.min(BACK_OFF_MS.first * 2 ** failures, BACK_OFF_MS.longest);
    return delay(waitMs, undefined, { signal: this.#closing.signal }).catch(() => {});
  }

  #replace({ number }: Worker): Worker {
    const worker = startWorker(number);
    this.#all.add(worker);
    this.#metrics.replaced.inc();
    this.#join(worker).catch((error) => {
      if (!this.#closing.signal.aborted) this.#log.error({ worker: number, ...reason(error) }, 'worker not started');
      worker.kill();
    });
    return worker;
  }

  async #join(worker: Worker): Promise<void> {
    const opened = this.#config;
    await worker.ask('open', { number: worker.number, config: withShare(opened, this.#count) });
    await this.#inTurn(async () => {
      if (opened !== this.#config) {
        await this.#prepare([worker], this.#config, this.#version);
        await worker.ask('swap', this.#version);
      }
      await worker.ask('listen');
      this.#serve(worker);
    });
  }

  async #drain(worker: Worker, withinMs: number): Promise<void> {
    await worker.ask('drain', undefined, withinMs).catch((error) => {
      this.#log.error({ worker: worker.number, ...reason(error) }, 'worker not drained');
      worker.kill();
    });
  }

  async #close(worker: Worker): Promise<void> {
    const isIn = this.#serving.has(worker);
    if (isIn) await worker.ask('close').catch(() => worker.kill());
    else worker.kill();
    await worker.ended;
  }

  /** Asks one worker after the other until one knows what it is asked about. */
  async #answer(route: RouteName, request: AdminRequest): Promise<AdminAnswer> {
    const { query, id } = request;
    const question = { route, query: query.toString(), id, body: await request.body() };
    let latest: AdminAnswer | undefined;
    for (const worker of this.#serving) {
      const answer = await worker.ask('answer', question).catch((error) => Promise.reject(unavailable(error)));
      if (answer.status !== 404) return answer;
      latest = answer;
    }
    if (latest === undefined) throw unavailable(new Error('no worker takes requests'));
    return latest;
  }

  #inTurn<Value>(act: () => Promise<Value>): Promise<Value> {
    const acted = this.#turn.then(act);
    this.#turn = acted.catch(() => {});
    return acted;
  }
}

function startWorker(number: number): Worker {
  return new Worker(number, (lines) => stdoutLines().write(lines));
}

/** The bounds on connections are those of all workers together. */
function withShare(config: Config, workers: number): Config {
  const { listen } = config;
  const max_connections = Math.ceil(listen.max_connections / workers);
  const max_connections_per_address = Math.ceil(listen.max_connections_per_address / workers);
  return { ...config, listen: { ...listen, max_connections, max_connections_per_address } };
}

function reason(error: unknown): { readonly cause: string | undefined } {
  return { cause: describeCause(error) };
}
