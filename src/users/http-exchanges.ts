import { Agent, buildConnector, type Dispatcher, request } from 'undici';
import type { Path } from '../config/check.ts';
import { attempt, type Finding } from '../config/finding.ts';
import { reach } from '../reach.ts';
import { BoundedCalls } from './bounded-calls.ts';

/** More than any login page or answer has. */
const MAX_ANSWER_BYTES = 1024 ** 2;

export interface HttpRequest {
  readonly url: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpAnswer {
  readonly url: string;
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  readonly text: string;
}

/** @throws Error when there is no whole answer of at most 1 MB. Redirects are answers too. */
export type Send = (request: HttpRequest) => Promise<HttpAnswer>;

/**
 * What a store asks of HTTP servers. The requests of one login share connections that no other login has: none of them
 * has gone idle, and what a server keeps with a connection is never another user's. TLS sessions are resumed.
 */
export class HttpExchanges {
  readonly #calls: BoundedCalls;
  readonly #connect: buildConnector.connector;

  constructor(bounds: { readonly timeout: number; readonly concurrency: number }, ca: string | undefined) {
    this.#calls = new BoundedCalls(bounds);
    this.#connect = buildConnector({ timeout: bounds.timeout, ...(ca !== undefined && { ca }) });
  }

  /** @throws GatewayError `temporarily_unavailable`, whatever the task throws, and when its time is up. */
  run<Answer>(task: (send: Send) => Promise<Answer>): Promise<Answer> {
    return this.#calls.run(async ({ signal }) => {
      const connections = new Agent({ connect: this.#connect, maxResponseSize: MAX_ANSWER_BYTES });
      try {
        return await task((toSend) => send(toSend, connections, signal));
      } finally {
        await connections.destroy();
      }
    });
  }

  /** Whether somebody is there, with a good certificate, behind each URL that is given. Nothing is sent. */
  async probe(urls: readonly (readonly [at: Path, url: string | undefined])[]): Promise<readonly Finding[]> {
    const found = urls.map(([at, url]) =>
      attempt(at, 'users-unreachable', async () => {
        if (url !== undefined) await reach(this.#connect, url);
      }),
    );
    return (await Promise.all(found)).flat();
  }
}

/** @returns undefined for an answer that is no JSON. */
export function jsonOf({ text }: HttpAnswer): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function send(
  { url, headers, ...toSend }: HttpRequest,
  dispatcher: Dispatcher,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const answer = await request(url, {
    ...toSend,
    // Never full, for undici 7 ends the process where the server closes a connection that it holds (nodejs/undici#5360).
    highWaterMark: 2 * MAX_ANSWER_BYTES,
    headers: { 'User-Agent': 'postern', 'Accept-Encoding': 'identity', ...headers },
    dispatcher,
    signal,
  });
  const bytes = await answer.body.arrayBuffer();
  const coding = answer.headers['content-encoding'] ?? 'identity';
  if (coding !== 'identity') throw new Error('the answer is compressed, which was not asked for');
  const decoder = new TextDecoder(charsetOf(answer.headers['content-type']));
  return { url, status: answer.statusCode, headers: answer.headers, text: decoder.decode(bytes) };
}

function charsetOf(contentType: string | readonly string[] | undefined): string {
  return /;\s*charset="?([\w-]+)/i.exec(String(contentType))?.[1] ?? 'utf-8';
}
