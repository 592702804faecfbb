import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { toGatewayError } from '../../src/errors.ts';
import type { Exchange } from '../../src/proxy/exchange.ts';
import { type Opened, Tunnels } from '../../src/proxy/tunnel.ts';
import { answering, exchangeOf, listen, pause, RawClient, rawUpstream, upstreamsOf } from './stage.ts';

const UPGRADE = [
  'GET / HTTP/1.1',
  'Host: api.example',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];
const SWITCHING =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';

function upgrade(...more: string[]): string {
  return `${[...UPGRADE, ...more].join('\r\n')}\r\n\r\n`;
}

interface Gateway {
  readonly port: number;
  readonly tunnels: Tunnels;
  /** What `open` gave, or the code of what it threw, of each upgrade. */
  readonly ends: (Opened | string | undefined)[];
}

/** A server that opens a tunnel for each upgrade, and answers errors with their code. */
async function gateway(
  t: TestContext,
  config: Record<string, unknown>,
  given: Partial<Exchange> = {},
  authorize: () => Promise<void> = async () => {},
): Promise<Gateway> {
  const upstreams = upstreamsOf(t, config);
  const tunnels = new Tunnels();
  const ends: (Opened | string | undefined)[] = [];
  const server = createServer();
  server.on('upgrade', async (request, socket, head) => {
    try {
      await authorize();
      ends.push(await tunnels.open(request, socket, head, exchangeOf(upstreams, given)));
    } catch (thrown) {
      const { code, status } = toGatewayError(thrown);
      ends.push(code);
      socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Length: ${code.length}\r\n\r\n${code}`);
    }
  });
  return { port: await listen(t, server), tunnels, ends };
}

/** A WebSocket server that echoes; and what it was asked. */
async function echoUpstream(t: TestContext) {
  const server = createServer();
  const asked: { url: string; headers: IncomingHttpHeaders; socket: Socket }[] = [];
  new WebSocketServer({ server }).on('connection', (webSocket, request) => {
    asked.push({ url: request.url ?? '', headers: request.headers, socket: request.socket });
    webSocket.on('error', () => {}).on('message', (message, isBinary) => webSocket.send(message, { binary: isBinary }));
  });
  return { target: `http://127.0.0.1:${await listen(t, server)}`, asked };
}

describe('a tunnel', () => {
  test('carries text and binary both ways, and its closing handshake', async (t) => {
    const { target } = await echoUpstream(t);
    const { port, tunnels, ends } = await gateway(t, { targets: [target] });
    const client = new WebSocket(`ws://127.0.0.1:${port}/`);
    await once(client, 'open');
    const large = Buffer.alloc(3 * 1024 ** 2, 7);
    for (const message of [Buffer.from('hé'), large]) {
      client.send(message);
      const [echo] = await once(client, 'message');
      assert.ok(message.equals(echo));
    }
    assert.equal(tunnels.size, 1);
    client.close(4321);
    assert.equal((await once(client, 'close'))[0], 4321);
    await until(() => tunnels.size === 0);
    assert.equal((ends[0] as Opened).status, 101);
    assert.deepEqual(await (ends[0] as Opened).ended, { outcome: 'complete' });
  });

  test('asks with our headers and our path, to the letter', async (t) => {
    const { target, asked } = await echoUpstream(t);
    const path = "/a/http:/b%2Fc;'x'?q=//y&r={|}";
    const config = { targets: [target], identity_headers: { 'X-User': '{token.sub}' } };
    const { port } = await gateway(t, config, { path, claims: { sub: 'ann' } });
    const forged = ['X_User: admin', 'X-User: admin', 'X-Forwarded-For: 10.0.0.1', 'TE: trailers', 'Cookie: a=1'];
    await new RawClient(t, port, upgrade(...forged)).until('101 Switching Protocols');
    const { url, headers } = asked[0] ?? assert.fail();
    assert.equal(url, path);
    assert.equal(headers.host, 'api.example');
    assert.deepEqual([headers['x-user'], headers.x_user], ['ann', undefined]);
    assert.equal(headers['x-forwarded-for'], '127.0.0.1');
    assert.deepEqual([headers.te, headers.cookie], [undefined, 'a=1']);
  });

  test('carries what the client sent right after its request', async (t) => {
    const target = await rawUpstream(t, (socket) => {
      socket.once('data', () => {
        socket.write(`${SWITCHING}early`);
        socket.pipe(socket);
      });
    });
    const { port } = await gateway(t, { targets: [target] });
    const client = new RawClient(t, port, `${upgrade()}hasty`);
    await client.until('early');
    await client.until('hasty');
  });

  const leaving: [sentence: string, leave: (socket: Socket) => unknown][] = [
    ['ends', (socket) => socket.end()],
    ['is destroyed', (socket) => socket.destroy()],
    ['resets', (socket) => socket.resetAndDestroy()],
  ];
  for (const [sentence, leave] of leaving) {
    test(`closes the upstream’s side when the client ${sentence}`, async (t) => {
      const { target, asked } = await echoUpstream(t);
      const { port, tunnels } = await gateway(t, { targets: [target] });
      const client = new RawClient(t, port, upgrade());
      await client.until('101');
      leave(client.socket);
      await until(() => asked[0]?.socket.closed === true && tunnels.size === 0);
    });

    test(`closes the client’s side when the upstream ${sentence}`, async (t) => {
      const { target, asked } = await echoUpstream(t);
      const { port, tunnels } = await gateway(t, { targets: [target] });
      const client = new RawClient(t, port, upgrade());
      await client.until('101');
      leave(asked[0]?.socket ?? assert.fail());
      await client.all();
      await until(() => tunnels.size === 0);
    });
  }

  test('closes when nothing has moved for idle_timeout, and not before', async (t) => {
    const { target } = await echoUpstream(t);
    const { port } = await gateway(t, { targets: [target], idle_timeout: '400ms' });
    const client = new WebSocket(`ws://127.0.0.1:${port}/`);
    const opened = performance.now();
    await once(client, 'open');
    for (let round = 0; round < 4; round += 1) {
      await pause(200);
      client.send('still here');
    }
    await once(client, 'close');
    assert.ok(performance.now() - opened > 1000);
  });

  test('closes with all others', async (t) => {
    const { target, asked } = await echoUpstream(t);
    const { port, tunnels } = await gateway(t, { targets: [target] });
    const clients = [new RawClient(t, port, upgrade()), new RawClient(t, port, upgrade())];
    for (const client of clients) await client.until('101');
    tunnels.close();
    for (const client of clients) await client.all();
    await until(() => tunnels.size === 0 && asked.every(({ socket }) => socket.closed));
  });
});

describe('an upgrade that the upstream refuses is passed on, framed', () => {
  const rows: [sentence: string, answer: string, expected: RegExp][] = [
    [
      'with a length',
      'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Latin: caf\xe9\r\n\r\nno',
      /^HTTP\/1\.1 403 Forbidden\r\n(?=[\s\S]*Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n)(?=[\s\S]*X-Latin: caf\xe9\r\n)[\s\S]*Connection: close\r\n\r\nno$/,
    ],
    [
      'in chunks',
      'HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\nKeep-Alive: timeout=9\r\n\r\n2\r\nno\r\n0\r\n\r\n',
      /^HTTP\/1\.1 400 (?![\s\S]*Keep-Alive)[\s\S]*Transfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n$/,
    ],
    ['without a body', 'HTTP/1.1 204 No Content\r\n\r\n', /^HTTP\/1\.1 204 [\s\S]*Connection: close\r\n\r\n$/],
    ['with a success', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', /^HTTP\/1\.1 200 [\s\S]*\r\n\r\nok$/],
  ];
  for (const [sentence, answer, expected] of rows) {
    test(sentence, async (t) => {
      const { port, tunnels, ends } = await gateway(t, { targets: [await answering(t, answer)] });
      assert.match(await new RawClient(t, port, upgrade()).all(), expected);
      await until(() => tunnels.size === 0);
      const opened = ends[0] as Opened;
      assert.equal(String(opened.status), answer.slice(9, 12));
      assert.deepEqual(await opened.ended, { outcome: 'complete' });
    });
  }

  test('a large body arrives whole, at the client’s pace', async (t) => {
    const body = 'x'.repeat(4 * 1024 ** 2);
    const target = await answering(t, `HTTP/1.1 403 Forbidden\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    const { port } = await gateway(t, { targets: [target] });
    const client = new RawClient(t, port, upgrade());
    client.socket.pause();
    await pause(200);
    client.socket.resume();
    assert.ok((await client.all()).endsWith(`\r\n\r\n${body}`));
  });

  test('a body that breaks off is not ended cleanly', async (t) => {
    const target = await answering(
      t,
      'HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n',
      (socket) => setTimeout(() => socket.destroy(), 20),
    );
    const { port, ends } = await gateway(t, { targets: [target] });
    assert.doesNotMatch(await new RawClient(t, port, upgrade()).all(), /0\r\n\r\n$/);
    assert.equal((await (ends[0] as Opened).ended).outcome, 'cut_short');
  });
});

describe('an upstream that does not answer leaves the socket for the refusal', () => {
  const rows: [sentence: string, expected: string, accept: (socket: Socket) => unknown][] = [
    ['it closes', 'bad_gateway', (socket) => socket.once('data', () => socket.end())],
    ['it resets', 'bad_gateway', (socket) => socket.once('data', () => socket.resetAndDestroy())],
    ['it speaks no HTTP', 'bad_gateway', (socket) => socket.once('data', () => socket.end('SSH-2.0-OpenSSH_9.0\r\n'))],
    ['it says nothing', 'gateway_timeout', () => {}],
  ];
  for (const [sentence, expected, accept] of rows) {
    test(`${sentence}: ${expected}`, async (t) => {
      const { port, tunnels, ends } = await gateway(t, {
        targets: [await rawUpstream(t, accept)],
        response_timeout: '200ms',
      });
      const answer = await new RawClient(t, port, upgrade()).all();
      assert.match(answer, new RegExp(`^HTTP/1\\.1 50[24] [\\s\\S]*\\r\\n\\r\\n${expected}$`));
      assert.deepEqual([ends, tunnels.size], [[expected], 0]);
    });
  }

  test('it is not there: bad_gateway', async (t) => {
    const { port } = await gateway(t, { targets: ['http://127.0.0.1:1'] });
    assert.match(await new RawClient(t, port, upgrade()).all(), /bad_gateway$/);
  });

  test('it does not shake hands: gateway_timeout', async (t) => {
    const silent = (await rawUpstream(t, () => {})).replace('http:', 'https:');
    const { port } = await gateway(t, { targets: [silent], connect_timeout: '200ms' });
    assert.match(await new RawClient(t, port, upgrade()).all(), /gateway_timeout$/);
  });

  const leaving: [sentence: string, leave: (socket: Socket) => unknown][] = [
    ['a client that leaves meanwhile', (socket) => socket.destroy()],
    ['a client that closes its half of the connection meanwhile', (socket) => socket.end()],
  ];
  for (const [sentence, leave] of leaving) {
    test(`${sentence} takes the upstream’s side along`, async (t) => {
      const open = new Set<Socket>();
      const target = await rawUpstream(t, (socket) => {
        open.add(socket.resume());
        socket.once('close', () => open.delete(socket));
      });
      const { port, tunnels, ends } = await gateway(t, { targets: [target] });
      const client = new RawClient(t, port, upgrade());
      await until(() => open.size === 1);
      leave(client.socket);
      await until(() => open.size === 0 && tunnels.size === 0 && client.socket.closed);
      assert.deepEqual(ends, [undefined]);
    });
  }

  test('a client that has closed its half before is not asked for', async (t) => {
    let connections = 0;
    const target = await rawUpstream(t, () => {
      connections += 1;
    });
    const { port, ends } = await gateway(t, { targets: [target] }, {}, () => pause(100));
    const client = new RawClient(t, port, upgrade());
    client.socket.end();
    await until(() => client.socket.closed);
    assert.deepEqual([connections, ends], [0, [undefined]]);
  });
});

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!condition()) {
    assert.ok(performance.now() < deadline, 'it did not happen in time');
    await pause(5);
  }
}
