import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { GatewayError, toGatewayError } from './errors.ts';
import { type Principal, refuseUnmet } from './guard/guard.ts';
import { onlyReported } from './guard/report-mode.ts';
import { refuse } from './last-answer.ts';
import { requestId } from './observe/request-id.ts';
import type { Outcome } from './proxy/exchange.ts';
import type { Opened } from './proxy/tunnel.ts';
import type { Match } from './routing/matcher.ts';
import { type RequestHead, readRequestHead } from './routing/request-head.ts';
import type { Runtime } from './runtime.ts';
import { CLIENT_CLOSED_REQUEST, ending, exchangeFor, guardedRequest, triedPath, withCarried } from './steps.ts';
import type { ClientCertificate } from './tls/client-certificate.ts';

/** Resolves when the upgrade has been answered. A tunnel that is open then needs nothing of its runtime any more. */
export type AnswerUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => Promise<void>;

/** The way of a WebSocket upgrade: the steps of app.ts, on a bare socket. What is refused here is answered and closed. */
export function createUpgradeListener(runtime: Runtime): AnswerUpgrade {
  return async (request, socket, head) => {
    const upgrade = new Upgrade(runtime, request, socket);
    await upgrade.run(runtime, head).catch((thrown) => upgrade.refuse(toGatewayError(thrown)));
  };
}

class Upgrade {
  /** All that is kept of the runtime, for a tunnel may stay open for days. */
  readonly #report: Pick<Runtime, 'logAccess' | 'noteRefusal'>;
  readonly #request: IncomingMessage;
  readonly #socket: Duplex;
  readonly #startedAt = performance.now();
  readonly #sender;
  readonly #requestId: string;
  #head: RequestHead | undefined;
  #certificate: ClientCertificate | undefined;
  #match: Match | undefined;
  #principal: Principal | undefined;
  #wouldRefuse: GatewayError | undefined;

  constructor(runtime: Runtime, request: IncomingMessage, socket: Duplex) {
    const { logAccess, noteRefusal } = runtime;
    this.#report = { logAccess, noteRefusal };
    this.#request = request;
    this.#socket = socket;
    this.#sender = runtime.senders.of(request);
    this.#requestId = requestId(request.headers['x-request-id']);
    socket.on('error', () => socket.destroy());
  }

  /** Leaves its line in the log when the tunnel ends. @throws GatewayError as long as the socket can still be answered. */
  async run(runtime: Runtime, head: Buffer): Promise<void> {
    const { clientCertificates, endpoints, guard, matcher, tunnels, upstreams, carried } = runtime;
    const request = this.#request;
    this.#head = readRequestHead(request);
    const { host, target } = this.#head;
    refuseOtherProtocols(request);
    if (endpoints.has(target.path)) throw noWebSocketHere();
    const match = matcher.match(host, target.path, request.method ?? '');
    this.#match = match;
    if (!match.route.websocket) throw noWebSocketHere();
    this.#certificate = clientCertificates.of(request, this.#sender.isTrustedProxy);
    if (!match.route.public) {
      try {
        this.#principal = await guard.authenticate(guardedRequest(request, target, this.#caller()), match.route);
        refuseUnmet(this.#principal, match.route);
      } catch (thrown) {
        this.#wouldRefuse = onlyReported(thrown, match.route);
      }
    }
    const principal = this.#principal;
    const found = { sender: this.#sender, caller: this.#caller(), target, match, principal };
    const exchange = await withCarried(exchangeFor(found, upstreams), found, carried);
    const opened = await tunnels.open(request, this.#socket, head, exchange);
    void this.#awaitEnd(opened);
  }

  async #awaitEnd(opened: Opened | undefined): Promise<void> {
    this.#log(opened?.status ?? CLIENT_CLOSED_REQUEST, { outcome: await opened?.ended });
  }

  refuse(error: GatewayError): void {
    refuse(this.#socket, error, this.#requestId);
    this.#log(error.status, { error });
  }

  #log(status: number, { error, outcome }: { error?: GatewayError; outcome?: Outcome | undefined }): void {
    if (error ?? this.#wouldRefuse) this.#noteRefusal(error);
    this.#report.logAccess({
      ...this.#caller(),
      method: this.#request.method ?? '',
      route: this.#match?.route.path,
      path: triedPath(this.#match, this.#head?.target),
      status,
      durationMs: performance.now() - this.#startedAt,
      ...ending({ error, wouldRefuse: this.#wouldRefuse, outcome }),
    });
  }

  #noteRefusal(error: GatewayError | undefined): void {
    this.#report.noteRefusal({
      requestId: this.#requestId,
      method: this.#request.method,
      host: this.#head?.host,
      path: this.#head?.target.path,
      route: this.#match?.route,
      principal: this.#principal,
      error,
      wouldRefuse: this.#wouldRefuse,
    });
  }

  #caller() {
    return {
      requestId: this.#requestId,
      address: this.#sender.address,
      certificate: this.#certificate,
      client: this.#principal?.clientId,
      subject: this.#principal?.subject,
    };
  }
}

/** RFC 9110 §7.8: h2c and the like would leave the guard behind, so they are never passed on. */
export function refuseOtherProtocols({ headers, method, httpVersion }: IncomingMessage): void {
  if (headers.upgrade?.toLowerCase() !== 'websocket') {
    throw new GatewayError('upgrade_required', { headers: { Upgrade: 'websocket' } });
  }
  // RFC 6455 §4.4: the one version there is.
  if (headers['sec-websocket-version'] !== '13') {
    throw new GatewayError('upgrade_required', { headers: { Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' } });
  }
  // RFC 6455 §4.2.1. A body would be read as what the WebSocket says first.
  const hasBody = 'transfer-encoding' in headers || Number(headers['content-length'] ?? 0) !== 0;
  const hasKey = /^[A-Za-z0-9+/]{22}==$/.test(headers['sec-websocket-key'] ?? '');
  if (method === 'GET' && httpVersion === '1.1' && hasKey && !hasBody) return;
  throw new GatewayError('invalid_request', { description: 'This is no handshake of a WebSocket.' });
}

export function noWebSocketHere(): GatewayError {
  return new GatewayError('invalid_request', { description: 'This resource does not speak WebSocket.' });
}
