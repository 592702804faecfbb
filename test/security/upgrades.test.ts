/**
 * After an upgrade the gateway sees bytes and no requests. An attacker makes it believe in an upgrade that the upstream did
 * not make: the connection stays open, and requests go through it past the guard. Or upgrades to another protocol, such as
 * h2c, in which every request is out of sight. Or sends bytes right behind the upgrade, which reach an upstream that has not
 * agreed and that takes them for the next request.
 *
 * CVE-2025-64763: Envoy passed on what came before the upstream had agreed. nginx #1472: a refused upgrade stayed open.
 * CVE-2026-58055: nghttpx kept the upstream's connection of an upgrade with a body for other clients.
 *
 * The promise: only WebSocket, only for who may; nothing is passed on before the upstream has answered this very handshake;
 * and what is refused, by whomever, ends both connections.
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { login, startGateway } from '../support/gateway.ts';
import { sendRaw, statuses } from '../support/raw.ts';
import { startRecordingUpstream } from '../support/recording-upstream.ts';

const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n';
const ACCEPT = 'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n';

/** What the upstream says, by the path that leads to it. */
const ANSWERS = {
  agrees: `${SWITCHING}${ACCEPT}Content-Length: 5\r\nKeep-Alive: timeout=5\r\nSet-Cookie: a=1\r\nX-Request-Id: theirs\r\n\r\nhello`,
  silent: '',
  other_protocol: `${SWITCHING.replace('websocket', 'h2c')}${ACCEPT}\r\n`,
  no_protocol: `HTTP/1.1 101 Switching Protocols\r\n${ACCEPT}\r\n`,
  no_accept: `${SWITCHING}\r\n`,
  wrong_accept: `${SWITCHING}${ACCEPT.replace('s3', 'xx')}\r\n`,
  counted: 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno',
  chunked: 'HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n',
  bodiless: 'HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n',
  success: 'HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok',
  upgrading: 'HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n',
  twice: 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n',
  more: `HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno${SWITCHING}${ACCEPT}\r\n`,
} as const;
type Name = keyof typeof ANSWERS;
const NAMES = Object.keys(ANSWERS) as Name[];

const servers = await Promise.all(NAMES.map((name) => startRecordingUpstream({ after }, ANSWERS[name])));
const upstreams = Object.fromEntries(NAMES.map((name, index) => [name, servers[index] ?? assert.fail()]));
const gateway = await startGateway(
  { after },
  {
    upstreams: Object.fromEntries(
      NAMES.map((name) => [name, { targets: [upstreams[name]?.url], response_timeout: '500ms' }]),
    ),
    routes: [
      ...NAMES.map((name) => ({ path: `/${name}`, scopes: ['write'], websocket: true, upstream: name })),
      { path: '/plain', scopes: ['write'], upstream: 'agrees' },
    ],
  },
);
const tokenFor = async (scope: string) =>
  `Authorization: Bearer ${(await login(gateway, { scope })).body.access_token}`;
const [WRITE, READ] = await Promise.all([tokenFor('write'), tokenFor('read')]);

const HANDSHAKE = [
  'Host: x',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];
const EARLY = 'GET /plain HTTP/1.1\r\nHost: x\r\n\r\n';

function upgrade(path: string, ...lines: string[]): string {
  return `GET /${path} HTTP/1.1\r\n${[...HANDSHAKE, ...lines].join('\r\n')}\r\n\r\n`;
}

const QUIET_MS = 1500;

/** Sends these bytes in one go: what came back, whether the connection was closed, and what the upstreams got. */
async function send(bytes: string) {
  const before = servers.map(({ connections }) => connections.length);
  const startedAt = performance.now();
  const answer = await sendRaw(gateway, bytes, QUIET_MS);
  const closed = performance.now() - startedAt < QUIET_MS;
  const reached = servers.flatMap(({ connections }, index) => connections.slice(before[index]));
  return { answer, closed, reached };
}

describe('an upgrade that is refused here reaches no upstream, and ends its connection', () => {
  const good = upgrade('agrees', WRITE);
  const rows: [sentence: string, bytes: string, status: number][] = [
    ['no token', upgrade('agrees'), 401],
    ['a bad token', upgrade('agrees', 'Authorization: Bearer x'), 401],
    ['a token in the query', upgrade(`agrees?access_token=${WRITE.split(' ')[2]}`), 401],
    ['a token as a subprotocol', upgrade('agrees', `Sec-WebSocket-Protocol: bearer, ${WRITE.split(' ')[2]}`), 401],
    ['two tokens', upgrade('agrees', WRITE, 'Authorization: Bearer x'), 400],
    ['a token without the scope', upgrade('agrees', READ), 403],
    ['a route without websocket', upgrade('plain', WRITE), 400],
    ['no route', upgrade('none', WRITE), 404],
    ['another spelling of the path', upgrade('AGREES', WRITE), 404],
    ['dots in the path', upgrade('plain/../agrees', WRITE), 400],
    ["the gateway's own endpoint", upgrade('token', WRITE), 400],
    ['h2c', good.replace('websocket', 'h2c'), 426],
    [
      'h2c with its settings',
      good
        .replace('Connection: Upgrade', 'Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk')
        .replace('websocket', 'h2c'),
      426,
    ],
    ['h2c at the token endpoint', upgrade('token').replace('websocket', 'h2c'), 426],
    ['TLS', good.replace('websocket', 'TLS/1.2'), 426],
    ['WebSocket with a version', good.replace('websocket', 'websocket/13'), 426],
    ['WebSocket, or h2c', good.replace('websocket', 'websocket, h2c'), 426],
    ['h2c, or WebSocket', good.replace('websocket', 'h2c, websocket'), 426],
    ['two headers, WebSocket first', upgrade('agrees', WRITE, 'Upgrade: h2c'), 426],
    ['two headers, h2c first', good.replace('Upgrade: w', 'Upgrade: h2c\r\nUpgrade: w'), 426],
    ['the same header twice', upgrade('agrees', WRITE, 'Upgrade: websocket'), 426],
    ['another version of WebSocket', good.replace('13', '8'), 426],
    ['two versions of WebSocket', upgrade('agrees', WRITE, 'Sec-WebSocket-Version: 8'), 426],
    ['two keys', upgrade('agrees', WRITE, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='), 400],
    ['a key that is none', good.replace('dGhl', '@@@@'), 400],
    ['a length', upgrade('agrees', WRITE, `Content-Length: ${EARLY.length}`), 400],
    ['chunks', upgrade('agrees', WRITE, 'Transfer-Encoding: chunked'), 400],
    ['POST', good.replace('GET', 'POST'), 400],
    ['HTTP/1.0', good.replace('HTTP/1.1', 'HTTP/1.0'), 400],
    ['two hosts', upgrade('agrees', WRITE, 'Host: y'), 400],
    ['CONNECT', good.replace('GET', 'CONNECT'), 405],
  ];
  for (const [sentence, bytes, status] of rows) {
    test(sentence, async () => {
      const { answer, closed, reached } = await send(bytes + EARLY);
      assert.deepEqual([statuses(answer), closed, reached], [[status], true, []]);
    });
  }
});

test('nothing is passed on before the upstream has agreed', async () => {
  const { answer, closed, reached } = await send(upgrade('silent', WRITE) + EARLY);
  assert.deepEqual([statuses(answer), closed, reached.length], [[504], true, 1]);
  assert.match(reached[0] ?? '', /^GET \/silent HTTP\/1\.1\r\n(?:[^\r]+\r\n)+\r\n$/);
  await bothEnded('silent');
});

describe('an upstream that does not agree to this WebSocket is sent nothing more, and both connections end', () => {
  const rows: [name: Name, status: number, body?: RegExp][] = [
    ['other_protocol', 502],
    ['no_protocol', 502],
    ['no_accept', 502],
    ['wrong_accept', 502],
    ['twice', 502],
    ['counted', 403, /\r\nContent-Length: 2\r\n[\s\S]*\r\n\r\nno$/i],
    ['chunked', 403, /\r\nTransfer-Encoding: chunked(?=\r\n)[\s\S]*\r\n\r\n2\r\nno\r\n0\r\n\r\n$/i],
    ['bodiless', 204, /\r\n\r\n$/],
    ['success', 200, /\r\n\r\nok$/],
    ['upgrading', 426, /^(?![\s\S]*h2c)[\s\S]*\r\n\r\n$/],
    ['more', 403, /\r\n\r\nno$/],
  ];
  for (const [name, status, body = /"bad_gateway"/] of rows) {
    test(name, async () => {
      const { answer, closed, reached } = await send(upgrade(name, WRITE) + EARLY);
      assert.deepEqual([statuses(answer), closed, reached.length], [[status], true, 1]);
      assert.match(answer, /\r\nConnection: close\r\n/i);
      assert.match(answer, body);
      assert.match(reached[0] ?? '', /^[^\r]+\r\n(?:[^\r]+\r\n)+\r\n$/, 'one head and nothing else');
      await bothEnded(name);
    });
  }
});

test('an upstream that agrees gets the handshake that was checked, and then what was sent', async () => {
  const forged = ['X-Forwarded-For: 10.0.0.1', 'TE: trailers', 'HTTP2-Settings: AAMA', '__proto__: a', '__proto__: b'];
  const { answer, closed, reached } = await send(upgrade('agrees', WRITE, ...forged) + EARLY);
  assert.equal(closed, false);
  const [head = '', ...rest] = reached[0]?.split('\r\n\r\n') ?? [];
  assert.equal(rest.join('\r\n\r\n'), EARLY);
  const lines = head.toLowerCase().split('\r\n');
  for (const line of ['upgrade: websocket', 'connection: upgrade', 'x-forwarded-for: 127.0.0.1']) {
    assert.equal(lines.filter((other) => other.startsWith(line.replace(/:.*/, ':'))).join(), line);
  }
  assert.doesNotMatch(head, /^(te|http2-settings|content-length|transfer-encoding):/im);
  // Its own answer frames nothing, and says nothing about the connection.
  assert.match(answer, /^HTTP\/1\.1 101 [\s\S]*\r\n\r\nhello$/);
  assert.doesNotMatch(answer, /^(content-length|keep-alive):|theirs/im);
  assert.match(answer, /^set-cookie: a=1\r$/im);
  await bothEnded('agrees');
});

async function bothEnded(name: Name): Promise<void> {
  const deadline = performance.now() + 2000;
  while ((upstreams[name]?.open ?? 0) > 0) {
    assert.ok(performance.now() < deadline, 'the connection to the upstream stays open');
    await delay(5);
  }
}
