import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { draftFromTraffic } from '../../src/learn/draft-routes.ts';
import { readLog } from '../../src/learn/read-log.ts';
import { Traffic } from '../../src/learn/traffic.ts';
import { configured } from '../openapi/described.ts';
import { startGateway, startUpstream } from '../support/gateway.ts';

const common = (request: string, status = 200) =>
  `10.0.0.1 - ann [23/Nov/2026:15:00:00 +0000] "${request}" ${status} 12`;
const get = (target: string, status?: number) => common(`GET ${target} HTTP/1.1`, status);

async function* chunksOf(...chunks: string[]): AsyncIterable<string> {
  yield* chunks;
}

async function requestsOf(...chunks: string[]) {
  const requests = [];
  for await (const request of readLog(chunksOf(...chunks))) requests.push(request);
  return requests;
}

describe('a line of a log is read', () => {
  const record = { msg: 'request', method: 'GET', path: '/a', status: 200, route: '/**' };
  const rows: [sentence: string, line: string, read: string | undefined][] = [
    ['in the Common format', get('/a?b=1'), 'GET /a?b=1 200'],
    ['in the Combined format', `${get('/a')} "https://x/" "curl"`, 'GET /a 200'],
    ['with the host before it', `api.example.com:443 ${get('/a')}`, 'GET /a 200'],
    ['with a user of two words', get('/a').replace('ann', 'ann lee'), 'GET /a 200'],
    ['of IPv6', get('/a').replace('10.0.0.1', '2001:db8::1'), 'GET /a 200'],
    ['of the gateway', JSON.stringify(record), 'GET /a 200'],
    ['unless the gateway says no path', JSON.stringify({ ...record, path: undefined }), undefined],
    ['unless it is of something else', JSON.stringify({ msg: 'listening' }), undefined],
    ['unless it is half a record', '{"msg":"req', undefined],
    ['unless it is no request', common('\\x16\\x03\\x01'), undefined],
    ['unless it is anything else', 'hello', undefined],
  ];
  for (const [sentence, line, read] of rows) {
    test(sentence, async () => {
      const [request] = await requestsOf(`${line}\n`);
      assert.equal(request && `${request.method} ${request.target} ${request.status}`, read);
    });
  }

  test('wherever the chunks end', async () => {
    const text = `${get('/a')}\r\n\n${get('/b')}`;
    const found = await requestsOf(...text);
    assert.deepEqual(
      found.map((request) => request?.target),
      ['/a', '/b'],
    );
  });

  test('and one without an end is not kept', async () => {
    const found = await requestsOf(...Array(100).fill('x'.repeat(100_000)), `\n${get('/b')}\n`);
    assert.deepEqual(
      found.map((request) => request?.target),
      [undefined, '/b'],
    );
  });
});

async function learned(lines: readonly string[], mostValues = 5) {
  const traffic = new Traffic(mostValues);
  for (const request of await requestsOf(lines.join('\n'))) if (request) traffic.add(request);
  return { drafts: draftFromTraffic(traffic, 'api'), leftOut: Object.fromEntries(traffic.leftOut) };
}

describe('traffic becomes', () => {
  const many = (path: (name: string) => string, count: number) =>
    Array.from({ length: count }, (_, index) => get(path(String.fromCharCode(97 + index))));
  const rows: [sentence: string, lines: string[], routes: string[]][] = [
    [
      'a route for reading and one for the rest',
      [get('/orders'), common('HEAD /orders'), common('POST /orders'), common('DELETE /orders')],
      ['GET,HEAD /orders orders.read', 'POST,DELETE /orders orders.write'],
    ],
    [
      'any segment for numbers',
      [get('/orders/7'), get('/orders/8/items/9?x=1')],
      ['GET /orders/{id} orders.read', 'GET /orders/{id}/items/{id2} orders.read'],
    ],
    [
      'any segment for keys of all kinds',
      [
        '8f14e45f-ceea-467f-a8c1-0a1b2c3d4e5f',
        '2026-01-31',
        '5f4dcc3b5aa765d61d8327de',
        'cus_9s6XKzkNRiz8i3',
        'eyJhbGciOi1JIUzI1NiJ9',
        'ann@example.com',
        'caf%C3%A9',
        ':id',
      ].map((key) => get(`/k/${key}`)),
      ['GET /k/{id} k.read'],
    ],
    [
      'words that are no keys',
      [get('/v1/oauth2'), get('/api/v2.1/find-by-status')],
      ['GET /api/v2.1/find-by-status find-by-status.read', 'GET /v1/oauth2 oauth2.read'],
    ],
    [
      'literals while they are few',
      many((name) => `/c/${name}`, 5),
      ['a', 'b', 'c', 'd', 'e'].map((name) => `GET /c/${name} c.read`),
    ],
    [
      'any segment for more than a few',
      [...many((name) => `/c/${name}`, 6), ...many((name) => `/c/${name}/d`, 9)],
      ['GET /c/{id} c.read', 'GET /c/{id}/d c.read'],
    ],
    [
      'any segment where those below them are many together',
      many((name) => `/c/${name}/${name}${name}`, 6),
      ['GET /c/{id}/{id2} c.read'],
    ],
    ['one route for a path in upper and lower case', [get('/Orders'), get('/orders')], ['GET /Orders Orders.read']],
    ['all below it for a slash at the end', [get('/a/'), get('/a')], ['GET /a/** a.read']],
    ['a route for the root', [get('/')], ['GET / api.read']],
    [
      'nothing for what was not served',
      [get('/wp-login.php', 404), get('/a', 400), get('/b', 405), get('/c', 401), get('/d', 301), get('/e', 500)],
      [],
    ],
    ['nothing for what the gateway refuses', [get('/a/../b'), get('//a'), get('http://x/a'), get('/a%00')], []],
    ['nothing for methods of other trades', [common('PROPFIND /a'), common('OPTIONS /a')], []],
  ];
  for (const [sentence, lines, routes] of rows) {
    test(sentence, async () => {
      const { drafts } = await learned(lines);
      const said = drafts.map(({ methods, path, scopes }) => `${methods.join(',')} ${path} ${scopes.join(' ')}`);
      assert.deepEqual(said, routes);
      if (drafts.length > 0) assert.ok(configured(drafts).routes.every((route) => !route.public));
    });
  }

  test('and nothing is left out without being counted', async () => {
    const lines = [get('/a', 404), get('/a', 404), common('OPTIONS /a', 204), common('LOCK /a'), get('//a')];
    const { leftOut } = await learned(lines);
    assert.deepEqual(leftOut, { 'not served': 2, OPTIONS: 1, method: 1, path: 1 });
  });

  test('no more places than there is room for', async () => {
    const traffic = new Traffic(9999);
    for (let index = 0; index < 25_000; index += 1) {
      traffic.add({
        method: 'GET',
        target: `/${(index % 9000).toString(26).replace(/\d/g, 'z')}/x${index}`,
        status: 200,
      });
    }
    assert.ok((traffic.leftOut.get('too many places') ?? 0) > 0);
  });

  test('comments that say what it was', async () => {
    const { drafts } = await learned([...many((name) => `/c/${name}`, 6), common('POST /c/a')]);
    assert.deepEqual(
      drafts.map(({ comments }) => comments),
      [
        ['6 GET', '{id} was a, b, c and others'],
        ['1 POST', '{id} was a, b, c and others'],
      ],
    );
  });
});

test('a gateway in report mode writes the log that its rules are drafted from', async (context) => {
  const upstream = await startUpstream(context);
  const { url, records } = await startGateway(context, {
    tokens: { signing: { algorithm: 'ES256' } },
    upstreams: { api: { targets: [upstream.url] } },
    routes: [
      { path: '/**', upstream: 'api', mode: 'report' },
      { path: '/kept/**', public: true, upstream: 'api' },
    ],
  });
  for (const path of ['/orders/7?token=x', '/orders/8', '/kept/9', '/token']) await fetch(url + path);
  while (records.filter(({ msg }) => msg === 'request').length < 4) await sleep(5);
  const { drafts } = await learned(records.map((record) => JSON.stringify(record)));
  assert.deepEqual(
    drafts.map(({ methods, path, comments }) => [...methods, path, ...comments]),
    [['GET', '/orders/{id}', '2 GET']],
  );
});
