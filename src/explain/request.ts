import { createServer, type IncomingMessage, METHODS, validateHeaderName, validateHeaderValue } from 'node:http';
import { duplexPair } from 'node:stream';
import type { ListenConfig } from '../config/schema.ts';
import { printable } from '../config/section.ts';
import { MOST_HEADERS } from '../routing/request-head.ts';

/** A request to explain, as people write it. */
export interface Question {
  readonly method: string;
  /** Or a path, which is asked of `localhost`. */
  readonly url: string;
  /** `Name: value` */
  readonly headers: readonly string[];
}

/** What no gateway would read as a request. */
export class UnreadableRequest extends Error {
  override readonly name = 'UnreadableRequest';
}

/**
 * A request as the gateway's listener would get it from this host: made by Node's parser, of a connection that no network
 * leads to. Its body stays unread. Destroying its socket gives the parser back.
 *
 * @throws UnreadableRequest
 */
export async function parseRequest(
  question: Question,
  { max_header_size, tls }: Pick<ListenConfig, 'max_header_size' | 'tls'>,
): Promise<IncomingMessage> {
  const head = headOf(question);
  const [client, connection] = duplexPair();
  Object.assign(connection, { remoteAddress: '127.0.0.1', encrypted: tls !== undefined });
  const server = createServer({ maxHeaderSize: max_header_size, requireHostHeader: false });
  server.maxHeadersCount = MOST_HEADERS + 1;
  return new Promise((resolve, reject) => {
    server.on('request', resolve).on('checkExpectation', resolve).on('upgrade', resolve);
    server.on('clientError', ({ message }) => {
      connection.destroy();
      reject(new UnreadableRequest(`no gateway would read this request: ${message}`));
    });
    server.emit('connection', connection);
    client.write(`${head.join('\r\n')}\r\n\r\n`, 'latin1');
  });
}

/** The request line and the headers. */
function headOf({ method, url, headers }: Question): string[] {
  if (!METHODS.includes(method) || method === 'CONNECT') {
    throw new UnreadableRequest(`${printable(method)} is no method of a request`);
  }
  const { host, target } = parseUrl(url);
  if (/\s/.test(target)) throw new UnreadableRequest('a URL has no blanks: they are %20 in it');
  for (const line of headers) refuseOtherThanHeader(line);
  const named = headers.some((line) => /^host:/i.test(line));
  return [`${method} ${target} HTTP/1.1`, ...(named ? [] : [`Host: ${host}`]), ...headers];
}

/** `URL` would mend the path; what is wrong with it is the question. */
function parseUrl(url: string): { host: string; target: string } {
  if (url.startsWith('/')) return { host: 'localhost', target: url };
  const [, host, rest = ''] = /^https?:\/\/([^/?#@]+)([^#]*)/i.exec(url) ?? [];
  if (host === undefined) {
    throw new UnreadableRequest('expected a URL, as in https://api.example.com/orders, or a path');
  }
  return { host, target: rest.startsWith('/') ? rest : `/${rest}` };
}

/** What else there is in a line could be a second one. */
function refuseOtherThanHeader(line: string): void {
  const [, name = '', value = ''] = /^([^:]*):(.*)$/s.exec(line) ?? [];
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  } catch {
    throw new UnreadableRequest(`expected a header as in 'X-Name: value'`);
  }
}
