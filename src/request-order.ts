import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Sender } from './limits/sender.ts';
import type { Turns } from './limits/turns.ts';

export interface RequestOrderParts {
  readonly onRequest: RequestListener;
  readonly turns: Turns;
  /** Who takes the turn of a request. */
  readonly senderOf: (request: IncomingMessage) => Sender;
}

/** What has been asked on a connection. */
interface Connection {
  /** To the one request of it that somebody is answering. */
  current?: ServerResponse | undefined;
  /** To the last request, whose body may still be coming after this was sent. */
  latest?: ServerResponse | undefined;
  unanswered: number;
  /** Whether nothing is read from it, because too much waits already. */
  held: boolean;
  /** The tick in which it was its turn to be read. */
  readIn?: number | undefined;
}

/** Requests of a connection that may wait for their turn; Node would read any number of them. */
const MOST_PIPELINED = 64;

/** Requests of all connections that may be read before their turn. */
const MOST_READ_AHEAD = 64;

/** When each request is begun: one of a connection at a time, and senders take turns. */
export class RequestOrder {
  readonly #onRequest: RequestListener;
  readonly #turns: Turns;
  readonly #senderOf: RequestOrderParts['senderOf'];
  readonly #connections = new Map<Duplex, Connection>();
  /** Requests that somebody is answering. */
  #answering = 0;
  #areLast = false;

  constructor({ onRequest, turns, senderOf }: RequestOrderParts) {
    this.#onRequest = onRequest;
    this.#turns = turns;
    this.#senderOf = senderOf;
  }

  /** Whether somebody is answering a request. */
  get isAnswering(): boolean {
    return this.#answering > 0;
  }

  /** What has been asked on a connection, and is not answered. */
  on(socket: Duplex): Readonly<Pick<Connection, 'latest' | 'unanswered'>> {
    return this.#connections.get(socket) ?? NOTHING;
  }

  /** From now on, an answer ends its connection. */
  endConnections(): void {
    this.#areLast = true;
    for (const { current } of this.#connections.values()) if (current) current.shouldKeepAlive = false;
  }

  /**
   * Begins a request when it is its turn: those that were sent ahead wait until the one before them is answered, and are
   * never begun when its answer closes the connection.
   */
  take(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    // An answer that closes the connection is out, and this came before it was closed.
    if (!socket.writable) return;
    const connection = this.#connections.get(socket) ?? this.#meet(socket);
    connection.latest = response;
    connection.unanswered += 1;
    if (connection.unanswered > MOST_PIPELINED) {
      connection.held = true;
      socket.pause();
    }
    const begin = () => this.#begin(request, response, connection);
    // Node gives the socket to one response after the other.
    if (response.socket !== null) begin();
    else response.once('socket', begin);
  }

  #meet(socket: Socket): Connection {
    const connection: Connection = { unanswered: 0, held: false };
    this.#connections.set(socket, connection);
    socket.once('close', () => this.#connections.delete(socket));
    return connection;
  }

  #begin(request: IncomingMessage, response: ServerResponse, connection: Connection): void {
    if (this.#areLast) response.shouldKeepAlive = false;
    // Kept by connection: V8 holds on to what was in a Set that changes with each request until it collects the old objects.
    connection.current = response;
    this.#answering += 1;
    response.once('close', () => {
      // The next one's turn may have come before.
      if (connection.current === response) connection.current = undefined;
      if (connection.latest === response && request.complete) connection.latest = undefined;
      this.#answering -= 1;
      connection.unanswered -= 1;
      this.#readOn(request, connection);
    });
    const hasItsTurn = connection.readIn === this.#turns.tick;
    connection.readIn = undefined;
    if (hasItsTurn || this.#turns.take()) this.#onRequest(request, response);
    else this.#wait(request, response);
  }

  #wait(request: IncomingMessage, response: ServerResponse): void {
    this.#turns.wait(this.#senderOf(request).address, () => {
      // Its connection may have closed meanwhile, or it was answered that it took too long.
      if (response.closed || response.headersSent) return false;
      return this.#onRequest(request, response);
    });
  }

  #readOn(request: IncomingMessage, connection: Connection): void {
    if (connection.held && connection.unanswered <= MOST_PIPELINED) {
      connection.held = false;
      request.socket.resume();
    }
    if (connection.unanswered === 0 && this.#turns.waiting > MOST_READ_AHEAD) this.#readInTurn(request, connection);
  }

  /**
   * The next request of a connection would have to wait: it does so in the kernel, and costs nothing. Requests that have been read
   * are objects that the garbage collector moves about, and with a thousand of them that takes longer than the turns.
   */
  #readInTurn(request: IncomingMessage, connection: Connection): void {
    const { socket } = request;
    const { address, isTrustedProxy } = this.#senderOf(request);
    // What a proxy sends next may be somebody else's.
    if (isTrustedProxy || !request.complete || socket.destroyed) return;
    socket.pause();
    this.#turns.wait(address, () => {
      if (socket.destroyed) return false;
      connection.readIn = this.#turns.tick;
      return socket.resume();
    });
  }
}

const NOTHING: Pick<Connection, 'latest' | 'unanswered'> = { unanswered: 0 };
