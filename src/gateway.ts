import Koa from 'koa';
import { FollowedFiles } from './config/followed-files.ts';
import type { Config } from './config/schema.ts';
import { type Listening, logWarnings, Operation } from './generation/operation.ts';
import { Service } from './generation/service.ts';
import { createLog, type Log } from './observe/log.ts';

export type { Listening } from './generation/operation.ts';
export { checkConfig, readConfig } from './read-config.ts';

/**
 * Makes a gateway of a configuration. Nothing listens yet. It is in this process: `listen.workers` is for `postern serve`.
 *
 * @throws Error when a file that the configuration names cannot be used.
 */
export async function createGateway(config: Config, log: Log = createLog(config.log)): Promise<Gateway> {
  logWarnings(config.warnings, log);
  const files = await FollowedFiles.from(config.files);
  const service = await Service.open(config, log);
  return new Gateway(service, new Operation(service, files, log));
}

/** The composition root: what takes requests, and what operators have of it. */
export class Gateway {
  /** Takes every request but WebSocket upgrades; it can be mounted in another Koa app. */
  readonly app: Koa;
  readonly #operation: Operation;

  constructor(service: Service, operation: Operation) {
    this.app = mountable(service);
    this.#operation = operation;
  }

  /** @throws AddressError when one of the two addresses is in use, or cannot be had. */
  listen(): Promise<Listening> {
    return this.#operation.listen();
  }

  /**
   * Reads gateway.yaml again, and all that it names, as the gateway does by itself when one of these files changes.
   * Requests that come from then on meet the new configuration; those that are there keep theirs.
   *
   * @throws ConfigError, or Error when a file that it names cannot be used: all goes on as before.
   */
  reload(): Promise<void> {
    return this.#operation.reload();
  }

  /** Not ready from now on; answers what was asked within `listen.shutdown_grace`, and closes all that was opened. */
  close(): Promise<void> {
    return this.#operation.close();
  }
}

/** A middleware that leaves everything to the service, and what that answers as it is. */
function mountable(service: Service): Koa {
  const app = new Koa();
  app.use((ctx) => {
    ctx.respond = false;
    return service.take(ctx.req, ctx.res);
  });
  return app;
}
