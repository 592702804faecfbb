import type { Socket } from 'node:net';
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
  readonly #options: ConnectionOptions;
  readonly #free: Connection[] = [];
  readonly #connections = new Set<Connection>();
  #requests = 0;

  constructor(url: URL, options: ConnectionOptions) {
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
    await Promise.all(Array.from(this.#connections, (connection) => connection.destroy()));
  }

  #add(): Connection {
    const connection = new Connection(this.url, this.#options, {
      takeBack: () => this.#free.push(connection),
      forget: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
    return connection;
  }
}

export type ConnectionOptions = undici.Client.Options & { readonly connect: undici.buildConnector.connector };

interface ConnectionOwner {
  readonly takeBack: () => void;
  readonly forget: () => void;
}

/** Connects when it is used, and again after the server has closed the connection between two requests. */
export class Connection {
  readonly #owner: ConnectionOwner;
  readonly #client: undici.Client;
  #socket: Socket | undefined;
  #isPaused = false;

  constructor(url: URL, { connect, ...options }: ConnectionOptions, owner: ConnectionOwner) {
    this.#owner = owner;
    this.#client = new Client(url.origin, {
      ...options,
      connect: (target, callback) =>
        connect(target, (...[error, socket]) => {
          if (error) callback(error, null);
          else callback(null, this.#pausable(socket));
        }),
    });
  }

  dispatch(request: undici.Dispatcher.DispatchOptions, handler: undici.Dispatcher.DispatchHandler): void {
    this.#client.dispatch(request, handler);
  }

  /** Reads no more until `resume`. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket?.emit('readable');
  }

  /** When the answer is complete. */
  giveBack(): void {
    this.#isPaused = false;
    this.#owner.takeBack();
  }

  /** When the request has failed: nobody knows what is still on its way. */
  discard(): void {
    this.#owner.forget();
    void this.destroy();
  }

  destroy(): Promise<void> {
    return this.#client.destroy();
  }

  /** What has broken it. Where only its end tells the end of a body, undici takes what came before a reset for the whole. */
  get error(): Error | undefined {
    return this.#socket?.errored ?? undefined;
  }

  /**
   * undici 7 ends the process where the server closes a connection that undici's own `pause` holds (nodejs/undici#5360).
   * So undici is told that there is nothing to read.
   */
  #pausable(socket: Socket): Socket {
    const { read } = socket;
    socket.read = (bytes) => (this.#isPaused ? null : read.call(socket, bytes));
    this.#socket = socket;
    return socket;
  }
}
