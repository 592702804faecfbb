import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { login, startGateway } from '../support/gateway.ts';
import { sendRaw } from '../support/raw.ts';

/** An upstream that echoes what it is sent, behind a gateway, and counts the upgrades that reach it. */
async function startEcho(context: TestContext) {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const seen: (string | undefined)[] = [];
  new WebSocketServer({ server }).on('connection', (socket, request) => {
    seen.push(request.headers['x-user'] as string | undefined);
    socket.on('message', (message) => socket.send(`echo ${message}`));
  });
  context.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const gateway = await startGateway(context, {
    upstreams: {
      api: {
        targets: [`http://127.0.0.1:${(server.address() as AddressInfo).port}`],
        identity_headers: { 'X-User': '{token.sub}' },
      },
    },
    routes: [
      { path: '/chat', scopes: ['write'], upstream: 'api', websocket: true },
      { path: '/plain', scopes: ['write'], upstream: 'api' },
    ],
  });
  const token = async (scope: string) => (await login(gateway, { scope })).body.access_token ?? '';
  return { gateway, seen, token };
}

test('a WebSocket opens for a token with the scope, and carries messages both ways', async (context) => {
  const { gateway, seen, token } = await startEcho(context);
  const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/chat`, {
    headers: { Authorization: `Bearer ${await token('write')}`, 'X-User': 'root' },
  });
  await once(socket, 'open');
  socket.send('hello');
  const [message] = await once(socket, 'message');
  assert.equal(String(message), 'echo hello');
  assert.deepEqual(seen, ['u-1']);
  socket.close();
  await once(socket, 'close');
  for (let wait = 0; wait < 50 && !gateway.records.some(({ route }) => route === '/chat'); wait += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { status, subject, client } = gateway.records.find(({ route }) => route === '/chat') ?? {};
  assert.deepEqual({ status, subject, client }, { status: 101, subject: 'u-1', client: 'web' });
});

test('an upgrade that the guard or the route refuses reaches no upstream', async (context) => {
  const { gateway, seen, token } = await startEcho(context);
  const [write, read] = await Promise.all([token('write'), token('read')]);
  const rows: [sentence: string, path: string, protocol: string, token: string | undefined, status: number][] = [
    ['no token', '/chat', 'websocket', undefined, 401],
    ['a bad token', '/chat', 'websocket', 'abc', 401],
    ['lacking scope', '/chat', 'websocket', read, 403],
    ['a route without websocket', '/plain', 'websocket', write, 400],
    ['no route', '/none', 'websocket', write, 404],
    ['h2c', '/chat', 'h2c', write, 426],
    ['an unknown protocol', '/plain', 'x/1', write, 426],
  ];
  for (const [sentence, path, protocol, sent, status] of rows) {
    const answer = await sendRaw(
      gateway,
      `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${sent ? `Authorization: Bearer ${sent}\r\n` : ''}\r\n`,
    );
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), sentence);
    assert.match(answer, /^Connection: close\r$/m, sentence);
    assert.match(answer, /\{"error":"[a-z_]+","error_description":"[^"]+","request_id":"[^"]+"\}$/, sentence);
  }
  assert.deepEqual(seen, []);
});
