import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startGateway, startUpstream } from '../support/gateway.ts';
import { sendRaw, statuses } from '../support/raw.ts';

const LISTEN = { header_timeout: '1s', request_timeout: '1s', max_header_size: '2kb' };
const GET = 'GET /open HTTP/1.1\r\nHost: x\r\n';
const POST = 'POST /open HTTP/1.1\r\nHost: x\r\n';
const TOKEN = 'POST /token HTTP/1.1\r\nHost: x\r\n';
const UPGRADE = `${GET}Connection: Upgrade\r\nUpgrade: websocket\r\n`;
const FORM = 'Content-Type: application/x-www-form-urlencoded\r\n';
/** Node counts no more than their names as a part of max_header_size. */
const tiny = (count: number) => 'a:\r\n'.repeat(count);

describe('every limit and every malformed request has its status, and nothing behind it is executed', () => {
  const rows: [sentence: string, bytes: string, expected: number[], reached: number][] = [
    ['two requests in one go', `${GET}\r\n${GET}\r\n`, [200, 200], 2],
    ['headers that do not end', GET, [408], 0],
    ['a body that does not end', `${POST}Content-Length: 9\r\n\r\nabc`, [408], 0],
    ['a form that does not end', `${TOKEN}${FORM}Content-Length: 9\r\n\r\nabc`, [408], 0],
    ['a body that does not end, after it was refused', `${TOKEN}Content-Length: 9\r\n\r\nabc`, [400], 0],
    ['headers over max_header_size', `${GET}X: ${'x'.repeat(3000)}\r\n\r\n`, [431], 0],
    ['a hundred headers', `${GET}${tiny(98)}Connection: close\r\n\r\n`, [200], 1],
    ['more than a hundred headers', `${GET}Connection: close\r\n${tiny(99)}\r\n`, [431], 0],
    ['more than a hundred headers for a token', `${TOKEN}Connection: close\r\n${tiny(5000)}\r\n`, [431], 0],
    ['more than a hundred headers of an upgrade', `${UPGRADE}${tiny(98)}\r\n`, [431], 0],
    ['no Host', 'GET /open HTTP/1.1\r\n\r\n', [400], 0],
    ['no Host in HTTP/1.0', 'GET /open HTTP/1.0\r\n\r\n', [200], 1],
    ['two Hosts', `${GET}Host: y\r\n\r\n`, [400], 0],
    ['a Host that is none', `${GET.replace('Host: x', 'Host: a/b@c')}\r\n`, [400], 0],
    ['two Hosts at the token endpoint', `${TOKEN}Host: y\r\nContent-Length: 0\r\n\r\n`, [400], 0],
    ['no HTTP at all', 'hello\r\n\r\n', [400], 0],
    ['HTTP/0.9', 'GET /open HTTP/0.9\r\nHost: x\r\n\r\n', [400], 0],
    ['a space before the colon, and a request behind', `${GET}A : b\r\n\r\n${GET}\r\n`, [400], 0],
    ['two lengths', `${POST}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`, [400], 0],
    ['a length and chunks', `${POST}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, [400], 0],
    ['another coding', `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n${GET}\r\n`, [400], 0],
    ['another coding of a form', `${TOKEN}${FORM}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, [400], 0],
    ['chunks in HTTP/1.0', `${POST.replace('1.1', '1.0')}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, [400], 0],
    ['an unknown expectation', `${GET}Expect: x\r\nConnection: close\r\n\r\n`, [417], 0],
    ['CONNECT', 'CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n', [405], 0],
    ['a target with its host', 'GET http://x/open HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', [400], 0],
    ['a raw backslash', 'GET /\\open HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', [400], 0],
    ['an unfinished chunk that is none', `${TOKEN}${FORM}Transfer-Encoding: chunked\r\n\r\nzz`, [400], 0],
  ];
  for (const [sentence, bytes, expected, reached] of rows) {
    test(sentence, async (context) => {
      const upstream = await startUpstream(context);
      const gateway = await startGateway(context, {
        listen: { ...LISTEN, address: '127.0.0.1:0', shutdown_grace: '0s' },
        upstreams: { api: { targets: [upstream.url] } },
        routes: [{ path: '/open', public: true, upstream: 'api' }],
      });
      const answer = await sendRaw(gateway, bytes, 2500);
      assert.deepEqual(statuses(answer), expected);
      assert.equal(upstream.seen.length, reached);
      const logged = gateway.records.filter(({ msg }) => msg === 'request');
      assert.deepEqual(
        logged.map(({ status }) => status),
        expected,
      );
      assert.deepEqual(
        logged.map(({ error }) => error !== undefined),
        expected.map((status) => status !== 200),
      );
      const ids = [...answer.matchAll(/x-request-id: (.*)\r\n/gi)].map(([, id]) => id);
      assert.deepEqual(
        ids,
        logged.map(({ request_id }) => request_id),
      );
      assert.equal(answer.split('{"').length - 1, expected.length, 'every answer is JSON');
    });
  }
});

test('a Host behind very many headers is never left out', async (context) => {
  const upstream = await startUpstream(context);
  const gateway = await startGateway(context, {
    upstreams: { api: { targets: [upstream.url] } },
    routes: [{ path: '/open', public: true, upstream: 'api' }],
  });
  assert.deepEqual(statuses(await sendRaw(gateway, `${GET}${tiny(2100)}Host: y\r\n\r\n`)), [431]);
  assert.equal(upstream.seen.length, 0);
});

test('a request that was sent ahead waits for its turn', async (context) => {
  let begun = 0;
  const upstream = await startUpstream(context, (_, response) => {
    begun += 1;
    setTimeout(() => response.end('{}'), 300);
  });
  const gateway = await startGateway(context, {
    upstreams: { api: { targets: [upstream.url] } },
    routes: [{ path: '/open', public: true, upstream: 'api' }],
  });
  const answer = sendRaw(gateway, `${GET}\r\n`.repeat(2));
  await delay(200);
  assert.equal(begun, 1);
  assert.deepEqual(statuses(await answer), [200, 200]);
});

test('draining tells the request whose turn it is, also behind others, to be the last', async (context) => {
  let begun = 0;
  const upstream = await startUpstream(context, (_, response) => {
    begun += 1;
    setTimeout(() => response.end('{}'), begun === 1 ? 0 : 300);
  });
  const gateway = await startGateway(context, {
    listen: { address: '127.0.0.1:0', shutdown_grace: '5s' },
    upstreams: { api: { targets: [upstream.url] } },
    routes: [{ path: '/open', public: true, upstream: 'api' }],
  });
  const answer = sendRaw(gateway, `${GET}\r\n`.repeat(3));
  await delay(150);
  assert.equal(begun, 2);
  await gateway.stop();
  assert.deepEqual(
    [...(await answer).matchAll(/^connection: (.*)\r$/gim)].map(([, option]) => option),
    ['keep-alive', 'close'],
  );
});

test('hundreds of requests in one go are all answered, in order', async (context) => {
  const upstream = await startUpstream(context, (request, response) =>
    response.end(`{"number":${request.url?.slice(6)}}`),
  );
  const gateway = await startGateway(context, {
    upstreams: { api: { targets: [upstream.url] } },
    routes: [{ path: '/open', public: true, upstream: 'api' }],
  });
  const numbers = Array.from({ length: 300 }, (_, index) => index);
  const requests = numbers.map((number) => GET.replace('/open', `/open?${number}`)).join('\r\n');
  const answer = await sendRaw(gateway, `${requests}\r\n`, 1000);
  assert.deepEqual(
    [...answer.matchAll(/"number":(\d+)/g)].map(([, number]) => Number(number)),
    numbers,
  );
});

test('the admin port tells metrics to who has the token, and health to everyone', async (context) => {
  const gateway = await startGateway(context, { admin: { address: '127.0.0.1:0', token: 's3cret' } });
  const ask = async (path: string, headers = {}) => (await fetch(gateway.adminUrl + path, { headers })).status;
  assert.equal(await ask('/healthz'), 200);
  assert.equal(await ask('/readyz'), 200);
  assert.equal(await ask('/metrics'), 401);
  assert.equal(await ask('/metrics', { Authorization: 'Bearer wrong' }), 401);
  assert.equal(await ask('/metrics', { Authorization: 'Bearer s3cret' }), 200);
  assert.equal(await ask('/other'), 404);
  assert.equal((await fetch(`${gateway.adminUrl}/metrics`, { method: 'POST' })).status, 405);
});
