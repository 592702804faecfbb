import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Lifetime } from './gateway.ts';

export interface RecordingUpstream {
  readonly url: string;
  /** Every byte that came so far, as Latin-1, an entry a connection. */
  readonly connections: readonly string[];
  /** How many of the connections are open. */
  readonly open: number;
}

/** What it answers unless told otherwise. */
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok';

/**
 * An upstream of bare bytes. It answers the first request of a connection with `answer` and goes on recording: whatever
 * follows in the same connection was smuggled there.
 */
export async function startRecordingUpstream(test: Lifetime, answer: string = OK): Promise<RecordingUpstream> {
  const connections: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const index = connections.push('') - 1;
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.setEncoding('latin1').on('data', (text) => {
      const before = connections[index] ?? '';
      connections[index] = before + text;
      if (!holdsRequest(before) && holdsRequest(before + text)) socket.write(answer, 'latin1');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    connections,
    get open() {
      return sockets.size;
    },
  };
}

/** Whether a whole request is in these bytes. The gateway frames its own, so that a rough look is enough. */
export function holdsRequest(bytes: string): boolean {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const head = bytes.slice(0, end + 2);
  const body = bytes.slice(end + 4);
  if (/^transfer-encoding:/im.test(head)) return body.endsWith('0\r\n\r\n');
  return body.length >= Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
}
