import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AdminConfig } from '../config/schema.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

export interface AdminParts {
  readonly log: Log;
  readonly metrics: Metrics;
  /** Whether this gateway takes requests; false while it starts and while it drains. */
  isReady(): Promise<boolean>;
  /** Refreshes the gauges that are read and not counted. */
  beforeMetrics(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Health and metrics, on an address of their own. Probes need no token; what tells about traffic does, where one is set. */
export class AdminListener {
  readonly #server: Server;
  readonly #config: AdminConfig;
  readonly #parts: AdminParts;

  constructor(config: AdminConfig, parts: AdminParts) {
    this.#config = config;
    this.#parts = parts;
    this.#server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, (request, response) => {
      this.#answer(request).then(
        (answer) => write(response, answer),
        (error) => {
          parts.log.error({ cause: String(error) }, 'admin request failed');
          write(response, text(500, 'failed'));
        },
      );
    });
  }

  /** @throws NodeJS.ErrnoException such as EADDRINUSE. */
  listen(): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#config.address, () => {
        this.#server.off('error', reject);
        resolve(this.#server.address() as AddressInfo);
      });
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'GET or HEAD');
    switch (request.url?.split('?')[0]) {
      case '/healthz':
        return text(200, 'ok');
      case '/readyz':
        return (await this.#parts.isReady()) ? text(200, 'ready') : text(503, 'not ready');
      case '/metrics':
        return this.#mayRead(request) ? this.#metrics() : text(401, 'the admin token is needed');
      default:
        return text(404, 'not found');
    }
  }

  async #metrics(): Promise<Answer> {
    await this.#parts.beforeMetrics();
    const { registry } = this.#parts.metrics;
    return { status: 200, type: registry.contentType, body: await registry.metrics() };
  }

  #mayRead(request: IncomingMessage): boolean {
    const { token } = this.#config;
    return token === '' || timingSafeEqual(sha256(`Bearer ${token}`), sha256(request.headers.authorization ?? ''));
  }
}

function text(status: number, body: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: `${body}\n` };
}

function write(response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store' }).end(body);
}

function sha256(value: string): Buffer {
  return createHash('sha256').update(value).digest();
}
