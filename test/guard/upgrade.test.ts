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

const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
const VERSION = 'Sec-WebSocket-Version: 13\r\n';

function handshake(path: string, protocol: string, rest: string, version = '1.1'): string {
  return `GET ${path} HTTP/${version}\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n${rest}\r\n`;
}

test('an upgrade that is refused reaches no upstream', async (context) => {
  const { gateway, seen, token } = await startEcho(context);
  const [write, read] = (await Promise.all([token('write'), token('read')])).map(
    (accessToken) => `${VERSION}${KEY}Authorization: Bearer ${accessToken}\r\n`,
  );
  const rows: [sentence: string, request: string, status: number][] = [
    ['no token', handshake('/chat', 'websocket', `${VERSION}${KEY}`), 401],
    ['a bad token', handshake('/chat', 'websocket', `${VERSION}${KEY}Authorization: Bearer abc\r\n`), 401],
    ['lacking scope', handshake('/chat', 'websocket', `${read}`), 403],
    ['a route without websocket', handshake('/plain', 'websocket', `${write}`), 400],
    ['no route', handshake('/none', 'websocket', `${write}`), 404],
    ["one of the gateway's own endpoints", handshake('/token', 'websocket', `${write}`), 400],
    ['h2c', handshake('/chat', 'h2c', `${write}`), 426],
    ['h2c at the token endpoint', handshake('/token', 'h2c', `${write}`), 426],
    ['an unknown protocol', handshake('/plain', 'x/1', `${write}`), 426],
    ['another version', handshake('/chat', 'websocket', `${write}`.replace('13', '8')), 426],
    ['two versions', handshake('/chat', 'websocket', `${write}${VERSION}`), 426],
    ['no key', handshake('/chat', 'websocket', `${write}`.replace(KEY, '')), 400],
    ['a body', handshake('/chat', 'websocket', `${write}Content-Length: 3\r\n`), 400],
    ['chunks', handshake('/chat', 'websocket', `${write}Transfer-Encoding: chunked\r\n`), 400],
    ['HTTP/1.0', handshake('/chat', 'websocket', `${write}`, '1.0'), 400],
    ['POST', handshake('/chat', 'websocket', `${write}`).replace('GET', 'POST'), 400],
    ['no Host', handshake('/chat', 'websocket', `${write}`).replace('Host: x\r\n', ''), 400],
    ['a Host that is none', handshake('/chat', 'websocket', `${write}`).replace('Host: x', 'Host: a b'), 400],
  ];
  for (const [sentence, request, status] of rows) {
    const answer = await sendRaw(gateway, request);
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), sentence);
    assert.match(answer, /^Connection: close\r$/m, sentence);
    assert.match(answer, /\{"error":"[a-z_]+","error_description":"[^"]+","request_id":"[^"]+"\}$/, sentence);
  }
  assert.deepEqual(seen, []);
});

test('the answer to an upgrade has the request id', async (context) => {
  const { gateway, token } = await startEcho(context);
  const rest = `${VERSION}${KEY}Authorization: Bearer ${await token('write')}\r\nX-Request-Id: r-7\r\n`;
  const answer = await sendRaw(gateway, handshake('/chat', 'websocket', rest), 300);
  assert.match(answer, /^HTTP\/1\.1 101 [\s\S]*\r\nx-request-id: r-7\r\n/i);
});
