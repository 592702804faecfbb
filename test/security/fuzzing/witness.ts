import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { Lifetime } from '../../support/gateway.ts';

/** The status that nobody but the witness answers with. */
export const WITNESSED = 218;
const ANSWER = `HTTP/1.1 ${WITNESSED} Seen\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok`;

/** What the gateway says of who makes a request, and with which token. The token itself may be missing: `Connection` can name it. */
export const IDENTITY_HEADERS = { 'X-User': '{token.sub}', 'X-Token-Id': '{token.jti}' };
const SUBJECT = 'web';

/** Tokens that may be seen are forgotten after so many others. */
const REMEMBERED_TOKENS = 10_000;

/**
 * An upstream that holds every byte it gets against what it may get: exactly one request a connection, framed once, for
 * `/api`, with a token that was given to an attacker, no more often than the attacker sent it, and with the gateway's word
 * on who that is.
 */
export class Witness {
  readonly url: string;
  readonly #problems: string[] = [];
  /** How often each token, by its id, may still be seen, and has been. */
  readonly #tokens = new Map<string, { left: number; seen: number }>();

  private constructor(url: string) {
    this.url = url;
  }

  static async start(lifetime: Lifetime): Promise<Witness> {
    const server = createServer((socket) => {
      let bytes = '';
      let isCounted = false;
      let isAnswered = false;
      socket.on('error', () => {});
      socket.setEncoding('latin1').on('data', (chunk) => {
        bytes += chunk;
        const reading = readRequest(bytes);
        if (reading.id !== undefined && !isCounted) {
          isCounted = true;
          witness.#count(reading.id, bytes);
        }
        if (reading.problem) witness.#report(reading.problem, bytes);
        if (!reading.isWhole || isAnswered) return;
        isAnswered = true;
        socket.write(ANSWER);
      });
      lifetime.after(() => socket.destroy());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    lifetime.after(() => server.close());
    const witness = new Witness(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return witness;
  }

  /** From now on requests with the token of this id may come as often as that. */
  expect(id: string, times: number): void {
    this.#tokens.set(id, { left: times, seen: 0 });
    const [oldest] = this.#tokens.keys();
    if (this.#tokens.size > REMEMBERED_TOKENS && oldest !== undefined) this.#tokens.delete(oldest);
  }

  /** How many requests came with this token. */
  seen(id: string): number {
    return this.#tokens.get(id)?.seen ?? 0;
  }

  /** What it got that it may not get, since it was asked last. */
  takeProblems(): string[] {
    return this.#problems.splice(0);
  }

  #count(id: string, bytes: string): void {
    const known = this.#tokens.get(id);
    if (known === undefined || known.left === 0) {
      this.#report(
        known ? 'more requests than there were tokens in what was sent' : 'a request without authorisation',
        bytes,
      );
      return;
    }
    known.left -= 1;
    known.seen += 1;
  }

  #report(problem: string, bytes: string): void {
    this.#problems.push(`the upstream got ${problem}: ${JSON.stringify(bytes.slice(0, 2000))}`);
  }
}

interface Reading {
  /** Of the token, or an empty text where there is none; undefined as long as the head is not whole. */
  readonly id?: string | undefined;
  readonly isWhole?: boolean;
  readonly problem?: string | undefined;
}

const REQUEST_LINE = /^[A-Z-]+ \/api(?:[/?][!-~]*)? HTTP\/1\.1$/;
const HEADER_LINE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+: ?[\t\x20-\x7e\x80-\xff]*$/;

function readRequest(bytes: string): Reading {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return {};
  const [requestLine = '', ...lines] = bytes.slice(0, end).split('\r\n');
  const id = /^x-token-id: ?(.*)$/im.exec(lines.join('\n'))?.[1] ?? '';
  const problem = problemWithHead(requestLine, lines);
  if (problem) return { id, problem };
  return { id, ...readBody(lines, bytes.slice(end + 4)) };
}

function problemWithHead(requestLine: string, lines: readonly string[]): string | undefined {
  if (!REQUEST_LINE.test(requestLine)) return 'a request line that is none, or is not for it';
  if (!lines.every((line) => HEADER_LINE.test(line))) return 'a header that is none';
  const values = (name: string) => lines.filter((line) => fold(line.split(':', 1)[0] ?? '') === name);
  for (const name of ['host', 'x-user', 'x-token-id', 'x-forwarded-for', 'x-request-id']) {
    if (values(name).length !== 1) return `${name} ${values(name).length} times`;
  }
  if (values('authorization').length > 1) return 'two tokens';
  if (values('content-length').length + values('transfer-encoding').length > 1) return 'two framings';
  if (!values('x-user')[0]?.endsWith(`: ${SUBJECT}`)) return "an identity that is not the gateway's word";
  return undefined;
}

/** As frameworks do that make variables of headers. */
function fold(name: string): string {
  return name.toLowerCase().replaceAll(/[_.]/g, '-');
}

function readBody(lines: readonly string[], body: string): Reading {
  const declared = lines.map((line) => /^content-length: ?(.*)$/i.exec(line)?.[1]).find((value) => value !== undefined);
  const isChunked = lines.some((line) => /^transfer-encoding: ?chunked$/i.test(line));
  const length = isChunked ? lengthOfChunks(body) : Number(declared ?? 0);
  if (Number.isNaN(length)) return { problem: 'a body that is not framed' };
  return body.length > length ? { problem: 'bytes behind a request' } : { isWhole: body.length === length };
}

/** Of a chunked body as undici writes it; infinite while it is not whole, NaN if it is none. */
function lengthOfChunks(body: string): number {
  let at = 0;
  for (;;) {
    const lineEnd = body.indexOf('\r\n', at);
    if (lineEnd < 0) return /^[0-9a-f]{0,8}\r?$/i.test(body.slice(at)) ? Number.POSITIVE_INFINITY : Number.NaN;
    const size = body.slice(at, lineEnd);
    if (!/^[0-9a-f]{1,8}$/i.test(size)) return Number.NaN;
    const next = lineEnd + 2 + Number.parseInt(size, 16) + 2;
    if (body.length < next) return Number.POSITIVE_INFINITY;
    if (body.slice(next - 2, next) !== '\r\n') return Number.NaN;
    if (Number.parseInt(size, 16) === 0) return next;
    at = next;
  }
}
