import type { AddressInfo } from 'node:net';
import Koa from 'koa';
import { FollowedFiles } from './config/followed-files.ts';
import { formatProblem, type Warning } from './config/problem.ts';
import type { Config } from './config/schema.ts';
import { unavailable } from './errors.ts';
import { createExplainRoutes } from './explain/admin-routes.ts';
import { closeFoundation, type Foundation, layFoundation } from './generation/foundation.ts';
import { Generation } from './generation/generation.ts';
import { Reloads } from './generation/reloads.ts';
import { Listener } from './listener.ts';
import { createSessionRoutes } from './oauth/session-routes.ts';
import { AdminListener, type AdminRoute } from './observe/admin-listener.ts';
import { createHealthRoutes } from './observe/health-routes.ts';
import { createLog, describeCause, type Log } from './observe/log.ts';
import { type TlsOptions, tlsOptions } from './tls/server.ts';

export { checkConfig, readConfig } from './read-config.ts';

/** Where a gateway listens: with the ports that were taken where the configuration says 0. */
export interface Listening {
  readonly address: AddressInfo;
  readonly adminAddress: AddressInfo;
}

/**
 * Makes a gateway of a configuration. Nothing listens yet.
 *
 * @throws Error when a file that the configuration names cannot be used.
 */
export async function createGateway(config: Config, log: Log = createLog(config.log)): Promise<Gateway> {
  logWarnings(config.warnings, log);
  const foundation = await layFoundation(config, log);
  try {
    const files = await FollowedFiles.from(config.files);
    const generation = await Generation.open(config, foundation);
    await foundation.revoked.follow();
    return new Gateway(generation, foundation, files);
  } catch (error) {
    await closeFoundation(foundation);
    throw error;
  }
}

/**
 * The composition root: what lives as long as the gateway (the foundation, the two listeners), and the generation, which
 * is all that comes of one configuration and gives way to the next.
 */
export class Gateway {
  /** Takes every request but WebSocket upgrades; it can be mounted in another Koa app. */
  readonly app: Koa;
  readonly #foundation: Foundation;
  readonly #listener: Listener;
  readonly #admin: AdminListener;
  readonly #reloads: Reloads;
  #current: Generation;
  #accepting = false;

  constructor(generation: Generation, foundation: Foundation, files: FollowedFiles) {
    const { config } = generation;
    const { log, refusals } = foundation;
    this.#current = generation;
    this.#foundation = foundation;
    this.app = mountable(() => this.#current);
    this.#listener = new Listener(config.listen, {
      tls: tlsOf(generation),
      onRequest: (request, response) => void this.#current.take(request, response),
      onUpgrade: (request, socket, head) => void this.#current.takeUpgrade(request, socket, head),
      onRefused: ({ error, ...refusal }) => {
        foundation.logAccess({ ...refusal, status: error.status, error: error.code, cause: error.cause });
        this.#current.opened.runtime.noteRefusal({ ...refusal, error });
      },
      onDropped: () => foundation.metrics.droppedConnections.inc(),
    });
    const routes = [
      ...this.#healthRoutes(),
      ...createSessionRoutes(() => this.#current.opened.sessions, log),
      ...createExplainRoutes(
        refusals,
        () => this.#current.config.listen,
        () => this.#current.opened.runtime,
      ),
    ];
    this.#admin = new AdminListener(config.admin, routes, log);
    const reloaded = { current: () => this.#current.config, use: (next: Config) => this.#use(next) };
    this.#reloads = new Reloads(reloaded, files, foundation);
  }

  /** @throws AddressError when one of the two addresses is in use, or cannot be had. */
  async listen(): Promise<Listening> {
    const address = await this.#listener.listen(this.#current.config.listen.address);
    const adminAddress = await this.#admin.listen();
    this.#accepting = true;
    this.#foundation.log.info({ address: printable(address), admin: printable(adminAddress) }, 'listening');
    return { address, adminAddress };
  }

  /**
   * Reads gateway.yaml again, and all that it names, as the gateway does by itself when one of these files changes.
   * Requests that come from then on meet the new configuration; those that are there keep theirs.
   *
   * @throws ConfigError, or Error when a file that it names cannot be used: all goes on as before.
   */
  reload(): Promise<void> {
    return this.#reloads.run();
  }

  /** Not ready from now on; answers what was asked within `listen.shutdown_grace`, and closes all that was opened. */
  async close(): Promise<void> {
    const { log } = this.#foundation;
    this.#accepting = false;
    log.info('draining');
    await Promise.all([this.#listener.drain(this.#current.config.listen.shutdown_grace), this.#reloads.close()]);
    await Promise.all([closeFoundation(this.#foundation), this.#admin.close()]);
    log.info('stopped');
  }

  /** @throws Error when the configuration cannot be used: the gateway goes on with the one it has. */
  async #use(config: Config): Promise<void> {
    const { log } = this.#foundation;
    const last = this.#current;
    const next = await Generation.open(config, this.#foundation);
    if (last.opened.keys.loaded && !next.opened.keys.loaded) {
      await next.retire();
      throw unavailable(new Error('the signing keys cannot be read from the store'));
    }
    this.#current = next;
    this.#listener.use(config.listen, tlsOf(next));
    this.#admin.useToken(config.admin.token);
    if (config.log.level !== last.config.log.level) log.level = config.log.level;
    logWarnings(newWarnings(config, last.config), log);
    last.retire().catch((error) => log.error({ cause: describeCause(error) }, 'what was in use before not closed'));
  }

  #healthRoutes(): readonly AdminRoute[] {
    const { metrics, revoked, store } = this.#foundation;
    return createHealthRoutes({
      metrics,
      isReady: async () => this.#accepting && revoked.isKnown && (await succeeds(this.#current.opened.keys.load())),
      problems: () => this.#reloads.problems,
      beforeMetrics: async () => metrics.storeUp.set((await succeeds(store.ping())) ? 1 : 0),
    });
  }
}

/** A middleware that leaves everything to the generation of the moment, and what that answers as it is. */
function mountable(current: () => Generation): Koa {
  const app = new Koa();
  app.use((ctx) => {
    ctx.respond = false;
    return current().take(ctx.req, ctx.res);
  });
  return app;
}

function tlsOf({ config, opened }: Generation): TlsOptions | undefined {
  return tlsOptions(config, opened.certificates.secureContext);
}

function logWarnings(warnings: readonly Warning[], log: Log): void {
  for (const { position, message, code } of warnings) log.warn({ ...position, code }, message);
}

function newWarnings({ warnings }: Config, before: Config): readonly Warning[] {
  const known = new Set(before.warnings.map(formatProblem));
  return warnings.filter((warning) => !known.has(formatProblem(warning)));
}

function succeeds(asked: Promise<unknown>): Promise<boolean> {
  return asked.then(
    () => true,
    () => false,
  );
}

function printable({ address, port, family }: AddressInfo): string {
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}
