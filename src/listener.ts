import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { Server as TlsServer } from 'node:https';
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import type { SecureContextOptions } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { bind } from './bind.ts';
import type { ListenConfig } from './config/schema.ts';
import { type ErrorCode, GatewayError } from './errors.ts';
import { lastAnswer, refuse } from './last-answer.ts';
import { type ConnectionLimit, type ConnectionLimits, OpenConnections } from './limits/open-connections.ts';
import { requestId } from './observe/request-id.ts';
import { RequestOrder, type RequestOrderParts } from './request-order.ts';
import { MOST_HEADERS } from './routing/request-head.ts';
import { createTlsServer, type TlsOptions } from './tls/server.ts';

export type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** The limits of `listen`. */
export type ListenLimits = ConnectionLimits &
  Pick<ListenConfig, 'max_header_size' | 'header_timeout' | 'request_timeout' | 'keep_alive_timeout'>;

/** A request that ended before anybody else saw it. */
export interface Refusal {
  readonly requestId: string;
  /** The peer's. What stands in headers was not read. */
  readonly address: string;
  /** Undefined where not even that was understood. */
  readonly method: string | undefined;
  readonly error: GatewayError;
}

export interface ListenerParts extends RequestOrderParts {
  /** For HTTPS; clear text without it. */
  readonly tls: TlsOptions | undefined;
  readonly onUpgrade: UpgradeListener;
  readonly onRefused: (refusal: Refusal) => void;
  /** A connection was closed unheard, for it was one too many. */
  readonly onDropped: (limit: ConnectionLimit) => void;
}

/** How long idle connections stay open once draining begins, for a request that is already on its way. */
const LINGER_MS = 1000;
const DRAIN_POLL_MS = 20;

/** What a connection that Node's parser gives up on is told. All others are malformed requests. */
const PARSER_ERRORS: Readonly<Record<string, ErrorCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'header_fields_too_large',
};

/** The public listener: its limits, and how it comes to an end without failing a request. */
export class Listener {
  readonly #server: Server;
  readonly #onRefused: ListenerParts['onRefused'];
  readonly #order: RequestOrder;
  readonly #open: OpenConnections;
  #context: SecureContextOptions | undefined;
  #accepted = 0;

  constructor(config: ListenLimits, parts: ListenerParts) {
    const { tls, onUpgrade, onDropped } = parts;
    this.#onRefused = parts.onRefused;
    this.#order = new RequestOrder(parts);
    this.#open = new OpenConnections(config);
    this.#context = tls?.context;
    const limits = {
      ...limitsOf(config),
      connectionsCheckingInterval: Math.min(1000, config.header_timeout),
      insecureHTTPParser: false,
      // A request without one is refused like any other, with a body, a log line and an id.
      requireHostHeader: false,
      noDelay: true,
    };
    this.#server = tls ? createTlsServer(limits, tls) : createServer(limits);
    // Node drops those behind it unseen, be it a second Host. One more than may be there is enough to refuse the request.
    this.#server.maxHeadersCount = MOST_HEADERS + 1;
    // Not by Node's `maxConnections`: workers hand a connection that is over theirs to each other, again and again.
    this.#server.on('connection', (socket: Socket) => {
      this.#accepted += 1;
      const exceeded = this.#open.add(socket);
      if (exceeded === undefined) return;
      socket.destroy();
      onDropped(exceeded);
    });
    const take: RequestListener = (request, response) => this.#order.take(request, response);
    this.#server.on('request', take).on('checkExpectation', take);
    this.#server.on('upgrade', (request, socket, head) => {
      if (this.#isItsTurn(socket)) onUpgrade(request, socket, head);
      else socket.destroy();
    });
    this.#server.on('connect', (request, socket: Socket) => {
      // RFC 9110 §15.5.6 wants the header, and there is no method that a tunnel's end could allow.
      const error = new GatewayError('method_not_allowed', { headers: { Allow: '' } });
      if (this.#isItsTurn(socket)) this.#refuse(socket, error, request);
      else socket.destroy();
    });
    this.#server.on('clientError', (cause: NodeJS.ErrnoException, socket: Socket) => {
      // Bytes behind a request that was to be the last: they are ignored (RFC 9112 §9.6), and its answer ends the connection.
      if (cause.code === 'HPE_CLOSED_CONNECTION') return;
      const code = PARSER_ERRORS[cause.code ?? ''] ?? 'invalid_request';
      this.#endBrokenConnection(socket, new GatewayError(code, { cause }));
    });
  }

  /** For the connections from now on; those that are open go on. */
  use(config: ListenLimits, tls: TlsOptions | undefined): void {
    this.#open.use(config);
    // Node reads them from the server, for each connection or each time that it looks for slow ones.
    Object.assign(this.#server, limitsOf(config), tls && { requestCert: tls.requestCert });
    // A new context forgets the TLS sessions that clients could have resumed.
    if (!(this.#server instanceof TlsServer) || !tls || isDeepStrictEqual(tls.context, this.#context)) return;
    this.#context = tls.context;
    this.#server.setSecureContext(tls.context);
  }

  /** @throws AddressError */
  listen(address: ListenConfig['address']): Promise<AddressInfo> {
    return bind(this.#server, 'listen.address', address);
  }

  /**
   * Accepts no more connections but those that wait for it, answers what was asked, and closes all connections: when the
   * last answer is out, or after `graceMs` at the latest.
   */
  async drain(graceMs: number): Promise<void> {
    const deadline = Date.now() + graceMs;
    this.#order.endConnections();
    await this.#acceptWaiting(Date.now() + LINGER_MS);
    // Not http.Server's own close(): that cuts idle connections at once, and with them a request that is on its way.
    NetServer.prototype.close.call(this.#server);
    const closedAt = Date.now();
    while (Date.now() < deadline && (await this.#isBusy(closedAt))) await delay(DRAIN_POLL_MS);
    this.#server.closeAllConnections();
  }

  /** Those whom the system has connected already: closing would reset them. Node takes one in each turn of its loop. */
  async #acceptWaiting(deadline: number): Promise<void> {
    for (let before = -1; before !== this.#accepted && Date.now() < deadline; ) {
      before = this.#accepted;
      await delay(DRAIN_POLL_MS);
      await nextTurn();
    }
  }

  /** A tunnel cannot wait for the answers to the requests before it; no client asks for one without having read them. */
  #isItsTurn(socket: Duplex): boolean {
    return socket.writable && this.#order.on(socket).unanswered === 0;
  }

  /** Node's parser has given up on a connection: tells why, where that cannot be taken for the answer to another request. */
  #endBrokenConnection(socket: Socket, error: GatewayError): void {
    const { latest, unanswered } = this.#order.on(socket);
    const unfinished = latest !== undefined && !latest.req.complete;
    // It is an unfinished request's turn to be answered, and nobody has begun to.
    if (unfinished && latest.socket === socket && !latest.headersSent) this.#refuseThrough(latest, error);
    else if (unfinished || unanswered > 0) socket.destroy();
    else this.#refuse(socket, error);
  }

  /** In place of the answer that the request would have got, whose steps find the error in `request.errored`. */
  #refuseThrough(response: ServerResponse, error: GatewayError): void {
    const { headers, body } = lastAnswer(error, requestId(response.req.headers['x-request-id']));
    response.writeHead(error.status, headers);
    // Ends the connection, and tells whoever is still waiting for the rest of the request.
    response.end(body, () => response.req.destroy(error));
  }

  #refuse(socket: Socket, error: GatewayError, request?: IncomingMessage): void {
    const refusal = { ...refusalOf(socket, request), error };
    this.#onRefused(refusal);
    refuse(socket, error, refusal.requestId);
  }

  async #isBusy(closedAt: number): Promise<boolean> {
    if (this.#order.isAnswering) return true;
    const connections = await new Promise<number>((resolve) => {
      this.#server.getConnections((_, count) => resolve(count ?? 0));
    });
    return connections > 0 && Date.now() < closedAt + LINGER_MS;
  }
}

function limitsOf(config: ListenLimits) {
  return {
    maxHeaderSize: config.max_header_size,
    headersTimeout: Math.min(config.header_timeout, config.request_timeout),
    requestTimeout: config.request_timeout,
    keepAliveTimeout: config.keep_alive_timeout,
  };
}

function refusalOf(socket: Socket, request: IncomingMessage | undefined): Omit<Refusal, 'error'> {
  const id = requestId(request?.headers['x-request-id']);
  return { requestId: id, address: socket.remoteAddress ?? '', method: request?.method };
}
