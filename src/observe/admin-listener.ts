import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bind } from '../bind.ts';
import type { AdminConfig } from '../config/schema.ts';
import { GatewayError, toGatewayError, toldBody } from '../errors.ts';
import { refuseStrangers } from './admin-access.ts';
import type { Log } from './log.ts';

export interface AdminAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

export interface AdminRequest {
  readonly query: URLSearchParams;
  /** What stands for `{id}` in the path; empty where the path has none. */
  readonly id: string;
  /** The body, of at most 2 MB. */
  body(): Promise<string>;
}

/** One thing that the admin address can be asked. A route for GET answers HEAD too. */
export interface AdminRoute {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Literal, but for `{id}` as its last segment. */
  readonly path: string;
  /** Whether it answers without the admin token, as probes need it. */
  readonly isOpen?: boolean;
  /** @throws GatewayError, which is answered as JSON. */
  answer(request: AdminRequest): AdminAnswer | Promise<AdminAnswer>;
}

/** What operators ask the gateway, on an address of its own. */
export class AdminListener {
  readonly #server: Server;
  readonly #address: AdminConfig['address'];
  #token: string;
  readonly #routes: readonly AdminRoute[];

  constructor(config: AdminConfig, routes: readonly AdminRoute[], log: Log) {
    this.#address = config.address;
    this.#token = config.token;
    this.#routes = routes;
    this.#server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, (request, response) => {
      this.#answer(request).then(
        (answer) => write(response, answer),
        (thrown) => {
          const error = toGatewayError(thrown);
          if (error.status >= 500) log.error({ cause: String(error.cause) }, 'admin request failed');
          write(response, refusal(error), error.headers);
        },
      );
    });
  }

  /** For the requests from now on. */
  useToken(token: string): void {
    this.#token = token;
  }

  /** @throws AddressError */
  listen(): Promise<AddressInfo> {
    return bind(this.#server, 'admin.address', this.#address);
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage): Promise<AdminAnswer> {
    const [path = '', query] = (request.url ?? '').split('?', 2);
    const known = this.#routes.filter((route) => pattern(route).test(path));
    if (known.length === 0) throw new GatewayError('not_found');
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const route = known.find((candidate) => candidate.method === method);
    if (route === undefined) throw new GatewayError('method_not_allowed', { headers: { Allow: methodsOf(known) } });
    if (!route.isOpen) refuseStrangers(request, this.#token);
    const id = pattern(route).exec(path)?.[1] ?? '';
    return route.answer({ query: new URLSearchParams(query), id, body: () => readBody(request) });
  }
}

const MAX_BODY_BYTES = 2 * 1024 ** 2;

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new GatewayError('content_too_large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

export function text(status: number, body: string): AdminAnswer {
  return { status, type: 'text/plain; charset=utf-8', body: `${body}\n` };
}

export function json(status: number, body: object): AdminAnswer {
  return { status, type: 'application/json', body: `${JSON.stringify(body)}\n` };
}

function refusal(error: GatewayError): AdminAnswer {
  return json(error.status, toldBody(error));
}

function write(response: ServerResponse, answer: AdminAnswer, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(answer.status, { 'Content-Type': answer.type, 'Cache-Control': 'no-store', ...headers });
  response.end(answer.body);
}

function pattern({ path }: AdminRoute): RegExp {
  return new RegExp(`^${path.replace('{id}', '([A-Za-z0-9_-]+)')}$`);
}

function methodsOf(routes: readonly AdminRoute[]): string {
  return routes.map(({ method }) => (method === 'GET' ? 'GET, HEAD' : method)).join(', ');
}
