import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type GatewayError, toldBody } from './errors.ts';

/** What tells an error and ends its connection. */
export function lastAnswer(error: GatewayError, id: string) {
  const body = JSON.stringify(toldBody(error, id));
  const headers = {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'X-Request-Id': id,
    ...error.headers,
    Connection: 'close',
  };
  return { headers, body };
}

/** Answers on a bare socket, and closes it: what comes behind a refused request is never read as another one. */
export function refuse(socket: Duplex, error: GatewayError, id: string): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const { headers, body } = lastAnswer(error, id);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.on('error', () => socket.destroy());
  socket.end(`HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}\r\n${lines.join('')}\r\n${body}`, () =>
    socket.destroy(),
  );
}
