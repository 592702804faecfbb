import { createHash } from 'node:crypto';
import { type ClientRequest, type IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type httpProxy from 'http-proxy';
import { GatewayError } from '../errors.ts';
import type { Exchange, Outcome } from './exchange.ts';
import { requestHeaders, responseHeaders } from './headers.ts';
import type { UpstreamTarget } from './upstream-target.ts';

/** http-proxy is loaded with the first upgrade. */
const require = createRequire(import.meta.url);

type UpgradeHandler = (answer: IncomingMessage, upstreamSocket: Socket, head: Buffer) => void;

/** What the upstream said to an upgrade, as the client has been told; `ended` resolves when the connection is done. */
export interface Opened {
  /** 101, or the status with which the upstream refused. */
  readonly status: number;
  readonly ended: Promise<Outcome>;
}

/** The WebSockets that are open, each a client's connection and an upstream's tied together. */
export class Tunnels {
  readonly #open = new Set<Tunnel>();

  get size(): number {
    return this.#open.size;
  }

  /**
   * Asks the upstream for the upgrade and ties the connections together. An answer other than 101 is passed on, framed
   * as HTTP, and the connection closed. A tunnel in which nothing has moved for `idle_timeout` is closed.
   *
   * @param request a WebSocket's handshake (RFC 6455 §4.1): http-proxy destroys the sockets of all others
   * @param head what the client has sent after its request
   * @returns undefined when the client left before the upstream answered
   * @throws GatewayError `bad_gateway`, `gateway_timeout`, `temporarily_unavailable`: nothing was written to `socket`
   *   then, and the caller answers.
   */
  async open(request: IncomingMessage, socket: Duplex, head: Buffer, exchange: Exchange): Promise<Opened | undefined> {
    const target = exchange.upstream.acquire();
    const tunnel = new Tunnel(request, socket as Socket, exchange);
    this.#open.add(tunnel);
    const release = () => {
      this.#open.delete(tunnel);
      target.release();
    };
    try {
      const opened = await tunnel.open(target, head);
      if (opened === undefined) release();
      else void opened.ended.then(release);
      return opened;
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Closes both ends of every tunnel, as soon as they have taken what was written to them. */
  close(): void {
    for (const tunnel of this.#open) tunnel.close();
  }
}

class Tunnel {
  readonly #request: IncomingMessage;
  readonly #socket: Socket;
  readonly #exchange: Exchange;
  #upstreamRequest: ClientRequest | undefined;
  /** http-proxy's part once the upstream has agreed: writes the 101 to the client, and pipes. */
  #pipe: UpgradeHandler = () => {};
  #upstreamSocket: Socket | undefined;

  constructor(request: IncomingMessage, socket: Socket, exchange: Exchange) {
    this.#request = request;
    this.#socket = socket;
    this.#exchange = exchange;
  }

  async open(target: UpstreamTarget, head: Buffer): Promise<Opened | undefined> {
    // What happened to a socket is told by its 'close'; an 'error' without a listener would end the process.
    this.#socket.on('error', () => {});
    // While the token was looked at, the client may have left: no event tells that any more.
    if (this.#socket.readableEnded) this.#socket.destroy();
    if (this.#socket.destroyed) return undefined;
    const upstreamRequest = this.#ask(target, head);
    this.#upstreamRequest = upstreamRequest;
    const { connect_timeout, response_timeout } = this.#exchange.upstream.config;
    const limits = [limit(upstreamRequest, connect_timeout, 'connect')];
    if (response_timeout !== null) limits.push(limit(upstreamRequest, response_timeout, 'respond'));
    try {
      return await this.#answer(upstreamRequest);
    } finally {
      for (const timer of limits) clearTimeout(timer);
    }
  }

  close(): void {
    this.#upstreamRequest?.destroy();
    this.#upstreamSocket?.destroySoon();
    this.#socket.destroySoon();
  }

  /**
   * Lets http-proxy send the request and, on a 101, tie the sockets together. The rest is ours: it would write a refused
   * upgrade out unframed, and end the client's connection on an error before anybody could answer.
   */
  #ask(target: UpstreamTarget, head: Buffer): ClientRequest {
    const { createProxyServer }: typeof httpProxy = require('http-proxy');
    const proxy = createProxyServer({ xfwd: false });
    let asked: ClientRequest | undefined;
    proxy.on('proxyReqWs', (upstreamRequest) => {
      // http-proxy joins and cleans paths; ours is final.
      upstreamRequest.path = this.#exchange.path;
      asked = upstreamRequest;
    });
    proxy.ws(this.#cleaned(target), this.#socket, head, addressOf(target), () => this.#socket.destroy());
    if (asked === undefined) throw new Error('http-proxy made no request');
    this.#pipe = asked.listeners('upgrade')[0] as UpgradeHandler;
    for (const event of ['error', 'response', 'upgrade']) asked.removeAllListeners(event);
    return asked;
  }

  /** The client's request as the upstream may see it. The request itself stays as it is, for the access log. */
  #cleaned(target: UpstreamTarget): IncomingMessage {
    const list = requestHeaders(this.#request, this.#exchange, this.#exchange.upstream.headers, target.url.host);
    const headers: Record<string, string | string[]> = Object.create(null);
    Object.assign(headers, { connection: 'Upgrade', upgrade: 'websocket' });
    for (let index = 0; index < list.length; index += 2) {
      const name = (list[index] as string).toLowerCase();
      const before = headers[name];
      headers[name] = before === undefined ? (list[index + 1] ?? '') : [before, list[index + 1] ?? ''].flat();
    }
    const cleaned = new IncomingMessage(this.#socket);
    return Object.assign(cleaned, { method: 'GET', url: this.#exchange.path, headers });
  }

  #answer(upstreamRequest: ClientRequest): Promise<Opened | undefined> {
    return new Promise((resolve, reject) => {
      const stopWatching = watchForEnd(this.#socket, () => {
        stopWatching();
        upstreamRequest.destroy();
        // It has closed its half; Node leaves ours to us.
        this.#socket.destroy();
        resolve(undefined);
      });
      upstreamRequest.on('error', (error) => {
        stopWatching();
        reject(error instanceof GatewayError ? error : new GatewayError('bad_gateway', { cause: error }));
      });
      upstreamRequest.once('upgrade', (answer, upstreamSocket: Socket, head) => {
        stopWatching();
        if (this.#isAccepted(answer)) {
          answer.headers = switchingHeaders(answer, this.#exchange);
          this.#pipe(answer, upstreamSocket, head);
          resolve({ status: 101, ended: this.#tie(upstreamSocket) });
        } else {
          upstreamSocket.destroy();
          reject(new GatewayError('bad_gateway', { cause: new Error('101 to another question than a WebSocket') }));
        }
      });
      upstreamRequest.once('response', (answer) => {
        stopWatching();
        // A 101 behind this answer agrees to nothing any more; Node closes the connection for it.
        upstreamRequest.removeAllListeners('upgrade');
        if (answer.statusCode === 101) {
          answer.destroy();
          reject(new GatewayError('bad_gateway', { cause: new Error('101 without an upgrade') }));
          return;
        }
        resolve({ status: answer.statusCode ?? 502, ended: this.#passOnRefusal(answer) });
      });
    });
  }

  /** RFC 6455 §4.1: only who has read the handshake knows the answer to its key. A 101 may have been made by a client. */
  #isAccepted({ headers }: IncomingMessage): boolean {
    const key = `${this.#request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const expected = createHash('sha1').update(key).digest('base64');
    return headers.upgrade?.toLowerCase() === 'websocket' && headers['sec-websocket-accept'] === expected;
  }

  /** http-proxy pipes; what it leaves out is that each side ends with the other, however that ended. */
  #tie(upstreamSocket: Socket): Promise<Outcome> {
    const client = this.#socket;
    this.#upstreamSocket = upstreamSocket;
    upstreamSocket.on('error', () => {});
    // All that moves, in either direction, passes through this socket.
    upstreamSocket.setTimeout(this.#exchange.upstream.config.idle_timeout, () => {
      upstreamSocket.destroy();
      client.destroy();
    });
    return new Promise((resolve) => {
      client.once('close', () => {
        upstreamSocket.destroySoon();
        resolve({ outcome: 'complete' });
      });
      upstreamSocket.once('close', () => client.destroySoon());
    });
  }

  /** Through Node's own ServerResponse, which knows how to frame a body whose length is unknown. */
  async #passOnRefusal(answer: IncomingMessage): Promise<Outcome> {
    const response = new ServerResponse(this.#request);
    response.shouldKeepAlive = false;
    response.assignSocket(this.#socket);
    this.#socket.on('drain', () => response.emit('drain'));
    const { requestId, upstream } = this.#exchange;
    const headers = responseHeaders(answer.rawHeaders, upstream.headers, requestId);
    response.writeHead(answer.statusCode ?? 502, headers as string[]);
    const timeoutMs = this.#exchange.upstream.config.idle_timeout;
    answer.setTimeout(timeoutMs, () => answer.destroy(new Error(`nothing moved for ${timeoutMs} ms`)));
    try {
      await pipeline(answer, response);
      this.#socket.destroySoon();
      return { outcome: 'complete' };
    } catch (cause) {
      this.#socket.destroy();
      // Only the client's side can close without an error.
      const gone = cause instanceof Error && 'code' in cause && cause.code === 'ERR_STREAM_PREMATURE_CLOSE';
      return gone ? { outcome: 'client_gone' } : { outcome: 'cut_short', cause };
    }
  }
}

/** The headers of the 101: no length or coding, for what follows is no body (RFC 9110 §8.6, RFC 9112 §6.1). */
function switchingHeaders({ rawHeaders }: IncomingMessage, { requestId, upstream }: Exchange): IncomingHttpHeaders {
  const headers: IncomingHttpHeaders = { connection: 'Upgrade', upgrade: 'websocket' };
  const passed = responseHeaders(rawHeaders, upstream.headers, requestId);
  for (let index = 0; index < passed.length; index += 2) {
    const name = passed[index] as string;
    if (name.toLowerCase() !== 'content-length') headers[name] = passed[index + 1];
  }
  return headers;
}

/**
 * Calls `ended` when the client leaves while nobody reads from its socket: what it sends stays there for the tunnel.
 * Returns how to stop watching.
 */
function watchForEnd(socket: Socket, ended: () => void): () => void {
  // Reading nothing lets the stream notice that it has come to its end.
  const notice = () => socket.read(0);
  socket.on('readable', notice).on('end', ended).on('close', ended);
  return () => socket.off('readable', notice).off('end', ended).off('close', ended);
}

/** The target as an object, for http-proxy parses text with rules of its own. */
function addressOf({ url }: UpstreamTarget): httpProxy.ServerOptions {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  // Else Node would take the Host header for the name in the certificate, and a client may have chosen that.
  const servername = isIP(host) ? '' : host;
  return { target: { protocol: url.protocol, host, port: Number(url.port) }, ssl: { servername } };
}

/** Gives up on an upstream that takes longer than `durationMs` to connect, or to respond. */
function limit(upstreamRequest: ClientRequest, durationMs: number, what: 'connect' | 'respond'): NodeJS.Timeout {
  const timer = setTimeout(() => {
    const cause = new Error(`the upstream took longer than ${durationMs} ms to ${what}`);
    upstreamRequest.destroy(new GatewayError('gateway_timeout', { cause }));
  }, durationMs);
  if (what === 'connect') {
    upstreamRequest.once('socket', (socket) => {
      socket.once('encrypted' in socket ? 'secureConnect' : 'connect', () => clearTimeout(timer));
    });
  }
  return timer;
}
