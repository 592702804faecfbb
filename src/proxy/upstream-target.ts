import type * as undici from 'undici';
import { Client } from './undici.ts';

/** Requests that a target has at once; more are told to come again. */
export const MOST_REQUESTS = 4096;

/**
 * One server of an upstream, and the connections to it, each for one request at a time. The one that was used last is used
 * next, so that those beyond need fall idle and are closed. (undici's own pool looks through all of them for each request.)
 */
export class UpstreamTarget {
  readonly url: URL;
  readonly #options: undici.Client.Options;
  readonly #free: Connection[] = [];
  readonly #connections = new Set<Connection>();
  #requests = 0;

  constructor(url: URL, options: undici.Client.Options) {
    this.url = url;
    this.#options = options;
  }

  /** Counts one more request, or tunnel, until `release`; false when there are too many. */
  take(): boolean {
    if (this.#requests >= MOST_REQUESTS) return false;
    this.#requests += 1;
    return true;
  }

  release(): void {
    this.#requests -= 1;
  }

  /** For one request, whose end gives it back or discards it. */
  connection(): Connection {
    return this.#free.pop() ?? this.#add();
  }

  /** At once; requests in flight fail. */
  async close(): Promise<void> {
    await Promise.all(Array.from(this.#connections, ({ client }) => client.destroy()));
  }

  #add(): Connection {
    const connection: Connection = {
      client: new Client(this.url.origin, this.#options),
      giveBack: () => this.#free.push(connection),
      discard: () => {
        this.#connections.delete(connection);
        void connection.client.destroy();
      },
    };
    this.#connections.add(connection);
    return connection;
  }
}

export interface Connection {
  /** Connects when it is used, and again after the server has closed the connection between two requests. */
  readonly client: undici.Client;
  /** When the answer is complete. */
  giveBack(): void;
  /** When the request has failed: nobody knows what is still on its way. */
  discard(): void;
}
