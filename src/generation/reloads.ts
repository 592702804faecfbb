import type { FollowedFiles } from '../config/followed-files.ts';
import { ConfigError, formatProblem, isWarning } from '../config/problem.ts';
import type { Config } from '../config/schema.ts';
import { GatewayError, withCause } from '../errors.ts';
import type { Log } from '../observe/log.ts';
import type { ReloadMetrics } from '../observe/metrics.ts';
import { rereadConfig } from '../read-config.ts';

/** When an outage keeps a configuration from being used, after how long it is tried again. */
const RETRY_AFTER_MS = 5000;

/** Whose configuration it is. */
export interface Reloaded {
  current(): Config;
  /** Goes on with another configuration, or @throws Error and goes on with the one that it has. */
  use(config: Config): Promise<void>;
}

/** Brings what changes in gateway.yaml, and in the files that it names, to a gateway that runs: one reload at a time. */
export class Reloads {
  readonly #gateway: Reloaded;
  readonly #files: FollowedFiles;
  readonly #log: Log;
  readonly #metrics: ReloadMetrics;
  #problems: readonly string[] = [];
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(gateway: Reloaded, files: FollowedFiles, { log, metrics }: { log: Log; metrics: ReloadMetrics }) {
    this.#gateway = gateway;
    this.#files = files;
    this.#log = log;
    this.#metrics = metrics;
    this.#noteSuccess();
    // Who reads log, metrics or readiness learns why it failed.
    files.start(() => this.run().catch(() => {}));
  }

  /** Why the last configuration that was read is not in use, a line a problem; empty when it is. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  /** What is changed while a reload runs may have come too late for it, so that another one follows. @throws Error */
  run(): Promise<void> {
    if (this.#running === undefined) return this.#begin();
    this.#next ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        return this.#begin();
      });
    return this.#next;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#files.close();
    clearTimeout(this.#retry);
    await this.#running?.catch(() => {});
  }

  #begin(): Promise<void> {
    this.#running = this.#reload().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #reload(): Promise<void> {
    if (this.#closed) throw new Error('the gateway is closed');
    clearTimeout(this.#retry);
    try {
      const config = await this.#read();
      await this.#gateway.use(config);
      await this.#files.follow(config.files);
      this.#noteSuccess();
      this.#log.info('configuration reloaded');
    } catch (error) {
      this.#noteFailure(error as Error);
      throw error;
    }
  }

  /** Follows at once what is read: what has the problems is what will be mended. */
  async #read(): Promise<Config> {
    const running = this.#gateway.current();
    await this.#files.take();
    try {
      const config = rereadConfig(running);
      await this.#files.follow([...running.files, ...config.files]);
      return config;
    } catch (error) {
      await this.#files.follow([...running.files, ...(error instanceof ConfigError ? error.files : [])]);
      throw error;
    }
  }

  #noteSuccess(): void {
    this.#problems = [];
    this.#metrics.configReloaded.set(1);
    this.#metrics.configReloadedAt.setToCurrentTime();
  }

  #noteFailure(error: Error): void {
    this.#problems = linesOf(error);
    this.#metrics.configReloaded.set(0);
    this.#log.error({ problems: this.#problems }, 'configuration not reloaded');
    if (!(error instanceof GatewayError) || this.#closed) return;
    this.#retry = setTimeout(() => void this.run().catch(() => {}), RETRY_AFTER_MS).unref();
  }
}

function linesOf(error: Error): readonly string[] {
  if (!(error instanceof ConfigError)) return [withCause(error)];
  return error.problems.filter((problem) => !isWarning(problem)).map(formatProblem);
}
