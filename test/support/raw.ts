import { connect } from 'node:net';
import { hear } from './overheard.ts';

/** What comes back for these bytes (a text's Latin-1), until the gateway ends the connection or `quietMs` pass without a word. */
export function sendRaw({ url }: { readonly url: string }, bytes: string | Buffer, quietMs = 500): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(bytes, 'latin1'));
    let answer = '';
    socket.setEncoding('latin1');
    socket.setTimeout(quietMs, () => socket.destroy());
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.on('close', () => {
      // Good answers may have tokens.
      if (statuses(answer).every((status) => status >= 400)) hear(answer);
      resolve(answer);
    });
    socket.on('error', reject);
  });
}

/** The status codes of the answers in a connection, in their order. */
export function statuses(answer: string): number[] {
  return [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
}
