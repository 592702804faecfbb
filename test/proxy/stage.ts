import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from 'node:net';
import type { TestContext } from 'node:test';
import { upstream } from '../../src/config/upstream-section.ts';
import { toGatewayError } from '../../src/errors.ts';
import { createPace } from '../../src/limits/turns.ts';
import type { Exchange, Outcome } from '../../src/proxy/exchange.ts';
import { forward } from '../../src/proxy/forward.ts';
import { Upstream, Upstreams } from '../../src/proxy/upstreams.ts';

/** A server of the test, and a promise of all that it forwarded: outcomes, and codes of what was thrown. */
export interface Gateway {
  readonly port: number;
  readonly url: string;
  /** The n-th request's end, once it is there. */
  ended(index: number): Promise<string>;
}

/** An http server that forwards each request with `forward`, and answers errors as the gateway would. */
export async function gateway(
  context: TestContext,
  config: Record<string, unknown>,
  exchange: Partial<Exchange> = {},
  before: (response: ServerResponse, request: IncomingMessage) => unknown = () => {},
): Promise<Gateway> {
  const upstreams = upstreamsOf(context, config);
  const ends: Promise<string>[] = [];
  const server = createServer((request, response) => {
    const given = exchangeOf(upstreams, { path: request.url ?? '/', ...exchange });
    ends.push(Promise.resolve(before(response, request)).then(() => answer(request, response, given)));
  });
  const port = await listen(context, server);
  const ended = async (index: number): Promise<string> => {
    while (ends[index] === undefined) await pause(5);
    return ends[index];
  };
  return { port, url: `http://127.0.0.1:${port}`, ended };
}

async function answer(request: IncomingMessage, response: ServerResponse, exchange: Exchange): Promise<string> {
  try {
    const end: Outcome = await forward(request, response, exchange, createPace());
    return end.outcome;
  } catch (thrown) {
    const error = toGatewayError(thrown);
    response.writeHead(error.status).end(error.code);
    return error.code;
  }
}

export function upstreamsOf(context: TestContext, config: Record<string, unknown>): Upstreams {
  const api = new Upstream({ name: 'api', config: upstream.parse(config), neverPassed: [] });
  context.after(() => api.close());
  return new Upstreams([api]);
}

export function exchangeOf(upstreams: Upstreams, given: Partial<Exchange>): Exchange {
  return {
    upstream: upstreams.get('api'),
    path: '/',
    maxBodyBytes: 10 * 1024 ** 2,
    clientAddress: '127.0.0.1',
    forwardedFor: '127.0.0.1',
    scheme: 'http',
    requestId: 'request-1',
    isPublic: false,
    claims: undefined,
    ...given,
  };
}

/** An HTTP upstream; returns its URL. */
export async function httpUpstream(context: TestContext, listener: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listen(context, createServer(listener))}`;
}

/** An upstream of bare bytes; returns its URL. */
export async function rawUpstream(context: TestContext, accept: (socket: Socket) => void): Promise<string> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => {});
    accept(socket);
  });
  return `http://127.0.0.1:${await listen(context, server)}`;
}

/** An upstream that answers every request with these bytes, once it has seen its head. */
export function answering(context: TestContext, bytes: string, then?: (socket: Socket) => void): Promise<string> {
  return rawUpstream(context, (socket) => {
    socket.once('data', () => {
      socket.write(bytes, 'latin1');
      then?.(socket);
    });
  });
}

export async function listen(context: TestContext, server: Server | TcpServer): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

/** A client of bare bytes, that collects all it gets. */
export class RawClient {
  readonly socket: Socket;
  received = '';

  constructor(context: TestContext, port: number, request: string) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.setEncoding('latin1');
    this.socket.on('error', () => {});
    this.socket.on('data', (text) => {
      this.received += text;
    });
    this.socket.write(request, 'latin1');
    context.after(() => this.socket.destroy());
  }

  /** Everything, once the connection is closed. */
  async all(): Promise<string> {
    while (!this.socket.closed) await pause(5);
    return this.received;
  }

  /** Everything so far, once `text` is part of it. */
  async until(text: string): Promise<string> {
    while (!this.received.includes(text)) {
      if (this.socket.closed) throw new Error(`closed before ${text}: ${this.received}`);
      await pause(5);
    }
    return this.received;
  }
}

export function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
