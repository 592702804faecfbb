import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Lifetime } from '../../support/gateway.ts';

const CHUNK = Buffer.alloc(64 * 1024, 'x');

/** Answers as soon as it has the request, and `/endless` without an end. @returns its URL */
export async function startTirelessUpstream(lifetime: Lifetime): Promise<string> {
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    if (request.url === '/endless') pour(response);
    else request.resume().on('end', () => response.end('ok'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  lifetime.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function pour(response: ServerResponse): void {
  if (response.destroyed) return;
  if (response.write(CHUNK)) setImmediate(pour, response);
  else response.once('drain', () => pour(response));
}
