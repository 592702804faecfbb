import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import type { Config } from '../config/schema.ts';
import { unavailable } from '../errors.ts';
import { createExplainRoutes } from '../explain/admin-routes.ts';
import { Listener } from '../listener.ts';
import { createSessionRoutes } from '../oauth/session-routes.ts';
import type { AdminRoute } from '../observe/admin-listener.ts';
import { describeCause, type Log } from '../observe/log.ts';
import { type TlsOptions, tlsOptions } from '../tls/server.ts';
import { closeFoundation, type Foundation, layFoundation } from './foundation.ts';
import { Generation } from './generation.ts';
import type { Operated } from './operation.ts';

/**
 * What takes requests in one process: what lives as long as the process (the foundation, the listener), and the generation,
 * which is all that comes of one configuration and gives way to the next.
 */
export class Service implements Operated {
  readonly routes: readonly AdminRoute[];
  readonly notes: readonly string[] = [];
  readonly #foundation: Foundation;
  readonly #listener: Listener;
  #current: Generation;
  #accepting = false;

  private constructor(generation: Generation, foundation: Foundation) {
    const { config } = generation;
    this.#current = generation;
    this.#foundation = foundation;
    this.#listener = new Listener(config.listen, {
      tls: tlsOf(generation),
      onRequest: (request, response) => void this.take(request, response),
      onUpgrade: (request, socket, head) => void this.#current.takeUpgrade(request, socket, head),
      onRefused: ({ error, ...refusal }) => {
        foundation.logAccess({ ...refusal, status: error.status, error: error.code, cause: error.cause });
        this.#current.opened.runtime.noteRefusal({ ...refusal, error });
      },
      onDropped: (limit) => foundation.metrics.droppedConnections.inc({ limit }),
      turns: foundation.pace.turns,
      senderOf: (request) => this.#current.opened.runtime.senders.of(request),
    });
    this.routes = [
      ...createSessionRoutes(() => this.#current.opened.sessions, foundation.log),
      ...createExplainRoutes(
        foundation.refusals,
        () => this.#current.config.listen,
        () => this.#current.opened.runtime,
      ),
    ];
  }

  /** Nothing listens yet. @throws Error when a file that the configuration names cannot be used. */
  static async open(config: Config, log: Log): Promise<Service> {
    const foundation = await layFoundation(config, log);
    try {
      const generation = await Generation.open(config, foundation);
      await foundation.revoked.follow();
      return new Service(generation, foundation);
    } catch (error) {
      await closeFoundation(foundation);
      throw error;
    }
  }

  get config(): Config {
    return this.#current.config;
  }

  get registry(): Registry {
    return this.#foundation.metrics.registry;
  }

  /** Answers a request, by the configuration of the moment. */
  take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    return this.#current.take(request, response);
  }

  async listen(): Promise<AddressInfo> {
    const address = await this.#listener.listen(this.config.listen.address);
    this.#accepting = true;
    return address;
  }

  async isReady(): Promise<boolean> {
    const { revoked } = this.#foundation;
    return this.#accepting && revoked.isKnown && (await succeeds(this.#current.opened.keys.load()));
  }

  async metrics(): Promise<string> {
    await this.refreshGauges();
    return this.registry.metrics();
  }

  /** Of those that are read and not counted. */
  async refreshGauges(): Promise<void> {
    const { metrics, store } = this.#foundation;
    metrics.storeUp.set((await succeeds(store.ping())) ? 1 : 0);
  }

  async use(config: Config): Promise<void> {
    this.swap(await this.prepare(config));
  }

  /** Opens all that a configuration needs. It is in use with `swap`, or has to be retired. @throws Error when it cannot be used. */
  async prepare(config: Config): Promise<Generation> {
    const next = await Generation.open(config, this.#foundation);
    if (!this.#current.opened.keys.loaded || (await succeeds(next.opened.keys.load()))) return next;
    await next.retire();
    throw unavailable(new Error('the signing keys cannot be read'));
  }

  swap(next: Generation): void {
    const { log } = this.#foundation;
    const last = this.#current;
    this.#current = next;
    this.#listener.use(next.config.listen, tlsOf(next));
    last.retire().catch((error) => log.error({ cause: describeCause(error) }, 'what was in use before not closed'));
  }

  drain(): Promise<void> {
    this.#accepting = false;
    return this.#listener.drain(this.config.listen.shutdown_grace);
  }

  close(): Promise<void> {
    return closeFoundation(this.#foundation);
  }
}

function tlsOf({ config, opened }: Generation): TlsOptions | undefined {
  return tlsOptions(config, opened.certificates.secureContext);
}

function succeeds(asked: Promise<unknown>): Promise<boolean> {
  return asked.then(
    () => true,
    () => false,
  );
}
