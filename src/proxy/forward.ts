import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import { GatewayError, unavailable } from '../errors.ts';
import type { Pace } from '../limits/turns.ts';
import type { Exchange, Outcome } from './exchange.ts';
import { requestHeaders, responseHeaders } from './headers.ts';
import { discardRest, RequestBody } from './request-body.ts';
import { errors } from './undici.ts';
import type { Connection, UpstreamTarget } from './upstream-target.ts';

/**
 * Forwards one request and streams the answer into `response`, with back-pressure both ways. Trailers and informational
 * answers (1xx) are dropped, redirects passed on.
 *
 * Settles when the response is done. It rejects only as long as nothing was written to `response`, so that the caller can
 * still answer; a request body that is left over then is read and discarded, and the answer may keep the connection.
 *
 * @param pace whose turns the pieces of long bodies take
 * @throws GatewayError `content_too_large`, `bad_gateway`, `gateway_timeout`, `temporarily_unavailable` (the target is
 *   full, or closing)
 */
export async function forward(
  request: IncomingMessage,
  response: ServerResponse,
  exchange: Exchange,
  pace: Pace,
): Promise<Outcome> {
  if (declaresTooMuch(request, exchange)) {
    discardRest(request, pace.discards.of(exchange.clientAddress));
    throw new GatewayError('content_too_large');
  }
  const contentLength = bodyLength(request);
  const target = exchange.upstream.acquire();
  try {
    return await new Promise((resolve, reject) => {
      new Forwarding(request, response, exchange, pace, resolve, reject).start(target, contentLength);
    });
  } finally {
    target.release();
  }
}

/** Whether a request's own words make its body larger than its route allows. */
export function declaresTooMuch(request: IncomingMessage, { maxBodyBytes }: Pick<Exchange, 'maxBodyBytes'>): boolean {
  return (bodyLength(request) ?? 0) > maxBodyBytes;
}

/** Bytes of the request's body; undefined when they come in chunks. */
function bodyLength({ headers }: IncomingMessage): number | undefined {
  return headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : undefined;
}

/** The body, where all of it has come with the head, as small ones do: it goes on with the head, too, and needs no stream. */
function arrivedBody(request: IncomingMessage, contentLength: number | undefined): Buffer | undefined {
  if (request.readableLength === 0 || request.readableLength !== contentLength) return undefined;
  // Without a length, Node 26 gives the first piece of those that have come.
  const body: Buffer = request.read(contentLength);
  request.resume();
  return body;
}

/** Longer pieces of a body are not copied to be sent with the head. */
const LONGEST_TEXT_BYTES = 8192;

const CLIENT_GONE: Outcome = { outcome: 'client_gone' };
const COMPLETE: Outcome = { outcome: 'complete' };

/** One exchange in flight: undici's handler on one side, the client's response on the other. */
class Forwarding implements Dispatcher.DispatchHandler {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #exchange: Exchange;
  readonly #pace: Pace;
  readonly #resolve: (outcome: Outcome) => void;
  readonly #reject: (error: GatewayError) => void;
  #connection: Connection | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #body: RequestBody | undefined;
  /** Runs while something is waited for: the upstream's next bytes, or a client that takes those that are there. */
  #idle: NodeJS.Timeout | undefined;
  #awaitsClient = false;
  /** Whether the response's head waits for what has come with it. */
  #headWaits = false;
  /** The first piece of the body, if it is short and has come with the head. */
  #first: Buffer | undefined;
  #drains = false;
  #answered = false;
  #settled = false;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    exchange: Exchange,
    pace: Pace,
    resolve: (outcome: Outcome) => void,
    reject: (error: GatewayError) => void,
  ) {
    this.#request = request;
    this.#response = response;
    this.#exchange = exchange;
    this.#pace = pace;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(target: UpstreamTarget, contentLength: number | undefined): void {
    if (this.#response.destroyed || this.#request.socket.destroyed) {
      this.#leave();
      return;
    }
    this.#response.on('close', this.#onClose);
    const headers = requestHeaders(this.#request, this.#exchange, this.#exchange.upstream.headers, target.url.host);
    const arrived = arrivedBody(this.#request, contentLength);
    if (contentLength !== 0 && arrived === undefined) this.#body = this.#openBody();
    if (contentLength !== undefined && contentLength > 0) headers.push('Content-Length', String(contentLength));
    const options: Dispatcher.DispatchOptions & { servername: string } = {
      method: this.#request.method ?? 'GET',
      path: this.#exchange.path,
      headers,
      body: arrived ?? this.#body ?? null,
      // One name for all requests, or undici would make a new TLS connection for each new Host.
      servername: target.url.hostname,
    };
    this.#connection = target.connection();
    this.#connection.dispatch(options, this);
  }

  #openBody(): RequestBody {
    return new RequestBody(this.#request, this.#exchange, this.#pace, () => {
      this.#fail(new GatewayError('content_too_large'));
    });
  }

  // What undici calls.

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#settled) controller.abort(new errors.RequestAbortedError());
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _headers: unknown, reason?: string): void {
    if (status === 101) throw new GatewayError('bad_gateway', { cause: new Error('101 to a request for no upgrade') });
    if (status < 200) return;
    const { requestId, upstream } = this.#exchange;
    const headers = responseHeaders((controller.rawHeaders ?? []) as Buffer[], upstream.headers, requestId);
    // Node's types know flat arrays only of single values; Node writes an array's values one by one.
    this.#response.writeHead(status, printable(reason), headers as string[]);
    this.#headWaits = true;
    process.nextTick(this.#sendHead);
    // undici misses the body where their Content-Length tells of one, as RFC 9110 §8.6 allows; there is none to wait for.
    if (status === 204 || status === 304) this.#answer();
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    if (this.#headWaits && this.#first === undefined && chunk.length <= LONGEST_TEXT_BYTES) {
      this.#first = chunk;
      return;
    }
    this.#sendHead();
    const isTaken = this.#response.write(chunk) || this.#response.destroyed;
    this.#await(isTaken ? 'upstream' : 'client');
    if (isTaken) return;
    this.#connection?.pause();
    if (this.#drains) return;
    this.#drains = true;
    this.#response.on('drain', this.#onDrain);
  }

  onResponseEnd(): void {
    const error = this.#connection?.error;
    if (error) {
      this.onResponseError(undefined, error);
      return;
    }
    this.#connection?.giveBack();
    this.#answer();
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#connection?.discard();
    this.#fail(error);
  }

  #answer(): void {
    if (this.#answered) return;
    this.#answered = true;
    // As text, a short body goes in one write with the head, and as Latin-1 its bytes stay what they are.
    this.#response.end(this.#first?.toString('latin1') ?? '', 'latin1');
    this.#headWaits = false;
    // A short answer is on its way by now, and costs no timer.
    if (this.#idle || this.#request.socket.writableLength > 0) this.#await('client');
  }

  /** Once all is read that has come with the head. (flushHeaders would write it as UTF-8.) */
  readonly #sendHead = (): void => {
    if (!this.#headWaits) return;
    this.#headWaits = false;
    this.#response.write(this.#first ?? '', 'latin1');
    this.#first = undefined;
    this.#await('upstream');
  };

  // What the client does.

  readonly #onDrain = (): void => {
    if (!this.#answered) this.#pace.turns.run(this.#exchange.clientAddress, this.#resumeUpstream);
  };

  readonly #resumeUpstream = (): unknown => {
    if (this.#settled || this.#answered) return false;
    this.#await('upstream');
    return this.#connection?.resume();
  };

  readonly #onClose = (): void => {
    // It may have been finished by somebody else: the listener does that with a request that stays away too long.
    if (!this.#answered || !this.#response.writableFinished) {
      this.#leave();
      return;
    }
    this.#settle();
    this.#resolve(COMPLETE);
  };

  /** The bound on what an upstream may cost that does not write, and a client that does not read: `idle_timeout`. */
  #await(whom: 'upstream' | 'client'): void {
    this.#awaitsClient = whom === 'client';
    if (this.#idle) this.#idle.refresh();
    else this.#idle = setTimeout(this.#onIdle, this.#exchange.upstream.config.idle_timeout);
  }

  readonly #onIdle = (): void => {
    if (this.#awaitsClient) this.#leave();
    else this.#fail(new errors.BodyTimeoutError());
  };

  // The three ends but the good one.

  #leave(): void {
    if (this.#settled) return;
    this.#settle();
    this.#controller?.abort(new errors.RequestAbortedError());
    this.#response.destroy();
    this.#resolve(CLIENT_GONE);
  }

  #fail(error: Error): void {
    if (this.#settled || this.#response.writableEnded) return;
    this.#settle();
    this.#controller?.abort(error);
    if (this.#response.headersSent) {
      cutOff(this.#request, this.#response);
      this.#resolve({ outcome: 'cut_short', cause: error });
    } else {
      this.#reject(toldError(error));
    }
  }

  #settle(): void {
    this.#settled = true;
    this.#headWaits = false;
    clearTimeout(this.#idle);
    this.#body?.destroy();
    this.#response.off('close', this.#onClose).off('drain', this.#onDrain);
  }
}

/**
 * Ends the connection so that nobody takes what came for the whole. In HTTP/1.0 a body ends with its connection, so only a
 * reset tells that there was more (RFC 9112 §8); it may cost bytes that were on their way. In TLS the missing close_notify
 * tells it (RFC 9112 §9.8).
 */
function cutOff({ httpVersion, socket }: IncomingMessage, response: ServerResponse): void {
  if (httpVersion === '1.0' && !('encrypted' in socket)) socket.resetAndDestroy();
  response.destroy();
}

/** Node refuses to write others; the reason phrase means nothing anyway (RFC 9110 §15.1). */
function printable(reason: string | undefined): string {
  return reason !== undefined && /^[\t\x20-\x7e]*$/.test(reason) ? reason : '';
}

/** An error of undici's or of the network, before the response, as the caller is told of it. */
function toldError(error: Error & { code?: string }): GatewayError {
  if (error instanceof GatewayError) return error;
  switch (error.code) {
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'ETIMEDOUT':
      return new GatewayError('gateway_timeout', { cause: error });
    case 'UND_ERR_CLOSED':
    case 'UND_ERR_DESTROYED':
      return unavailable(error);
    case 'UND_ERR_INVALID_ARG':
      return new GatewayError('server_error', { cause: error });
    default:
      return new GatewayError('bad_gateway', { cause: error });
  }
}
