import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import { Server as TlsServer } from 'node:https';
import { type AddressInfo, Server as NetServer } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContextOptions } from 'node:tls';
import type { ListenConfig } from './config/schema.ts';
import { type ErrorCode, GatewayError } from './errors.ts';
import { createTlsServer, type TlsOptions } from './tls/server.ts';

export type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

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
  readonly #active = new Set<ServerResponse>();
  #draining = false;

  /** @param tls for HTTPS; clear text without it */
  constructor(config: ListenConfig, onRequest: RequestListener, onUpgrade: UpgradeListener, tls?: TlsOptions) {
    const limits = {
      maxHeaderSize: config.max_header_size,
      headersTimeout: Math.min(config.header_timeout, config.request_timeout),
      requestTimeout: config.request_timeout,
      keepAliveTimeout: config.keep_alive_timeout,
      connectionsCheckingInterval: Math.min(1000, config.header_timeout),
      insecureHTTPParser: false,
      noDelay: true,
    };
    this.#server = tls ? createTlsServer(limits, tls) : createServer(limits);
    // max_header_size is the bound. Node's own, on their number, drops those behind it unseen: a Content-Length, a second Host.
    this.#server.maxHeadersCount = 0;
    this.#server.on('request', (request, response) => {
      this.#track(request, response);
      onRequest(request, response);
    });
    this.#server.on('upgrade', onUpgrade);
    this.#server.on('connect', (_, socket: Duplex) => refuse(socket, new GatewayError('method_not_allowed')));
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      const current = [...this.#active].find((response) => response.socket === socket);
      // The refusal would be mixed up with an answer that is on its way, or be taken for that of an earlier request.
      if (current && (current.headersSent || current.req.complete)) socket.destroy();
      else refuse(socket, new GatewayError(PARSER_ERRORS[error.code ?? ''] ?? 'invalid_request'));
    });
  }

  /** For the connections from now on; those that are open go on. */
  useCertificates(context: SecureContextOptions): void {
    if (this.#server instanceof TlsServer) this.#server.setSecureContext(context);
  }

  /** @throws NodeJS.ErrnoException such as EADDRINUSE. */
  listen({ host, port }: ListenConfig['address']): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject);
        resolve(this.#server.address() as AddressInfo);
      });
    });
  }

  /**
   * Accepts no more connections, answers what was asked, and closes all connections: when the last answer is out, or after
   * `graceMs` at the latest.
   */
  async drain(graceMs: number): Promise<void> {
    const startedAt = Date.now();
    // Not http.Server's own close(): that cuts idle connections at once, and with them a request that is on its way.
    NetServer.prototype.close.call(this.#server);
    this.#draining = true;
    for (const response of this.#active) response.shouldKeepAlive = false;
    const deadline = startedAt + graceMs;
    while (Date.now() < deadline && (await this.#isBusy(startedAt))) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
    this.#server.closeAllConnections();
  }

  #track(request: IncomingMessage, response: ServerResponse): void {
    if (this.#draining) response.shouldKeepAlive = false;
    this.#active.add(response);
    response.once('close', () => this.#active.delete(response));
    if (response.socket === null) closeWithConnection(request, response);
  }

  async #isBusy(drainingSince: number): Promise<boolean> {
    if (this.#active.size > 0) return true;
    const connections = await new Promise<number>((resolve) => {
      this.#server.getConnections((_, count) => resolve(count ?? 0));
    });
    return connections > 0 && Date.now() < drainingSince + LINGER_MS;
  }
}

/**
 * A pipelined request waits for its turn without a socket, and Node does not close its response when the connection ends
 * before that.
 */
function closeWithConnection({ socket }: IncomingMessage, response: ServerResponse): void {
  const close = () => response.emit('close');
  socket.setMaxListeners(0).once('close', close);
  response.once('close', () => socket.off('close', close));
}

/** Answers on a bare socket, and closes it: what comes behind a refused request is never read as another one. */
export function refuse(socket: Duplex, error: GatewayError, requestId?: string): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = JSON.stringify({ error: error.code, error_description: error.description, request_id: requestId });
  const headers = {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    ...(requestId && { 'X-Request-Id': requestId }),
    ...error.headers,
    Connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.on('error', () => socket.destroy());
  socket.end(`HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}\r\n${lines.join('')}\r\n${body}`, () =>
    socket.destroy(),
  );
}
