import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import type { FollowedFiles } from '../config/followed-files.ts';
import { formatProblem, type Warning } from '../config/problem.ts';
import type { Config } from '../config/schema.ts';
import { AdminListener, type AdminRoute } from '../observe/admin-listener.ts';
import { createHealthRoutes } from '../observe/health-routes.ts';
import type { Log } from '../observe/log.ts';
import { createReloadMetrics } from '../observe/metrics.ts';
import { Reloads } from './reloads.ts';

/** Where a gateway listens: with the ports that were taken where the configuration says 0. */
export interface Listening {
  readonly address: AddressInfo;
  readonly adminAddress: AddressInfo;
}

/** What takes the requests: this process, or several that it has started. */
export interface Operated {
  /** The one in use. */
  readonly config: Config;
  /** The metrics of this process. */
  readonly registry: Registry;
  /** What operators may ask it. */
  readonly routes: readonly AdminRoute[];
  /** What operators should know of its state; a line each. */
  readonly notes: readonly string[];
  /** @throws AddressError */
  listen(): Promise<AddressInfo>;
  /** Whether it takes requests; false while it starts and while it drains. */
  isReady(): Promise<boolean>;
  /** All of them, in the format of `registry`. */
  metrics(): Promise<string>;
  /** Goes on with another configuration, or @throws Error and goes on with the one that it has. */
  use(config: Config): Promise<void>;
  /** Not ready from now on; answers what was asked within `listen.shutdown_grace`. */
  drain(): Promise<void>;
  /** Closes all that was opened. */
  close(): Promise<void>;
}

/** What operators have of a gateway: the admin address, reloads, and its end. */
export class Operation {
  readonly #operated: Operated;
  readonly #log: Log;
  readonly #admin: AdminListener;
  readonly #reloads: Reloads;

  constructor(operated: Operated, files: FollowedFiles, log: Log) {
    this.#operated = operated;
    this.#log = log;
    const reloaded = { current: () => operated.config, use: (next: Config) => this.#use(next) };
    this.#reloads = new Reloads(reloaded, files, { log, metrics: createReloadMetrics(operated.registry) });
    const health = createHealthRoutes(operated, () => this.#reloads.problems);
    this.#admin = new AdminListener(operated.config.admin, [...health, ...operated.routes], log);
  }

  /** @throws AddressError */
  async listen(): Promise<Listening> {
    const address = await this.#operated.listen();
    const adminAddress = await this.#admin.listen();
    this.#log.info({ address: printable(address), admin: printable(adminAddress) }, 'listening');
    return { address, adminAddress };
  }

  /** @throws ConfigError, or Error when a file that the configuration names cannot be used: all goes on as before. */
  reload(): Promise<void> {
    return this.#reloads.run();
  }

  async close(): Promise<void> {
    this.#log.info('draining');
    await Promise.all([this.#operated.drain(), this.#reloads.close()]);
    await Promise.all([this.#operated.close(), this.#admin.close()]);
    this.#log.info('stopped');
  }

  async #use(next: Config): Promise<void> {
    const last = this.#operated.config;
    await this.#operated.use(next);
    this.#admin.useToken(next.admin.token);
    if (next.log.level !== last.log.level) this.#log.level = next.log.level;
    logWarnings(newWarnings(next, last), this.#log);
  }
}

export function logWarnings(warnings: readonly Warning[], log: Log): void {
  for (const { position, message, code } of warnings) log.warn({ ...position, code }, message);
}

function newWarnings({ warnings }: Config, before: Config): readonly Warning[] {
  const known = new Set(before.warnings.map(formatProblem));
  return warnings.filter((warning) => !known.has(formatProblem(warning)));
}

function printable({ address, port, family }: AddressInfo): string {
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}
