import { createServer, type IncomingMessage } from 'node:http';
import { duplexPair } from 'node:stream';
import type { ListenConfig } from '../config/schema.ts';
import { BadUsage } from './bad-usage.ts';

/**
 * A request as the gateway's listener would get it from this host: made by Node's parser, of a connection that no network
 * leads to. Its body stays unread.
 *
 * @param lines the request line and the headers
 * @throws BadUsage for what the parser refuses.
 */
export function parseRequest(
  lines: readonly string[],
  { max_header_size, tls }: ListenConfig,
): Promise<IncomingMessage> {
  const [client, connection] = duplexPair();
  Object.assign(connection, { remoteAddress: '127.0.0.1', encrypted: tls !== undefined });
  const server = createServer({ maxHeaderSize: max_header_size, requireHostHeader: false });
  server.maxHeadersCount = 0;
  return new Promise((resolve, reject) => {
    server.on('request', resolve).on('checkExpectation', resolve).on('upgrade', resolve);
    server.on('clientError', ({ message }) => reject(new BadUsage(`no gateway would read this request: ${message}`)));
    server.emit('connection', connection);
    client.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  });
}
