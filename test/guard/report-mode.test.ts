import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { explanationOf } from '../../src/commands/explain.ts';
import { login, type RunningGateway, startGateway, startUpstream } from '../support/gateway.ts';

async function start(context: TestContext) {
  const upstream = await startUpstream(context);
  const gateway = await startGateway(context, {
    tokens: { signing: { algorithm: 'ES256' } },
    upstreams: { api: { targets: [upstream.url], identity_headers: { 'X-User': '{token.sub}' } } },
    routes: [
      { path: '/tried', scopes: ['write'], require: { roles: ['staff'] }, upstream: 'api', mode: 'report' },
      { path: '/ruled', require: { roles: ['boss'] }, upstream: 'api', mode: 'report' },
      { path: '/down', scopes: ['write'], upstream: 'api', mode: 'report', methods: ['GET'] },
      { path: '/kept', scopes: ['write'], upstream: 'api' },
    ],
  });
  const token = async (scope: string) => (await login(gateway, { scope })).body.access_token ?? '';
  return { gateway, upstream, read: await token('read'), write: await token('write') };
}

function get({ url }: RunningGateway, path: string, token?: string): Promise<Response> {
  return fetch(url + path, token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } });
}

/** The line of a request's access log; it is written once the response is over. */
async function lineOf({ records }: RunningGateway, id: string | null) {
  for (;;) {
    const line = records.find(({ request_id, msg }) => msg === 'request' && request_id === id);
    if (line) return line;
    await sleep(5);
  }
}

test('what a route in report mode would refuse passes, and is logged and counted once', async (context) => {
  const { gateway, upstream, read, write } = await start(context);
  const rows: [
    sentence: string,
    path: string,
    token: string | undefined,
    wouldRefuse: string | undefined,
    user?: string,
  ][] = [
    ['a token that may', '/tried', write, undefined, 'u-1'],
    ['no token', '/tried', undefined, 'unauthorized'],
    ['a bad token', '/tried', 'x.y.z', 'invalid_token'],
    ['a token that lacks a scope', '/tried', read, 'insufficient_scope', 'u-1'],
    ['a token that meets no rule', '/ruled', read, 'access_denied', 'u-1'],
  ];
  for (const [sentence, path, token, wouldRefuse, user] of rows) {
    const response = await get(gateway, path, token);
    assert.equal(response.status, 200, sentence);
    assert.equal(response.headers.get('WWW-Authenticate'), null, sentence);
    assert.equal(upstream.seen.at(-1)?.headers['x-user'], user, sentence);
    const line = await lineOf(gateway, response.headers.get('X-Request-Id'));
    const { level, would_refuse, error, route, subject } = line;
    const expected = { level: wouldRefuse ? 'warn' : 'info', would_refuse: wouldRefuse, error: undefined };
    assert.deepEqual(
      { level, would_refuse, error, route, subject },
      { ...expected, route: path, subject: user },
      sentence,
    );
  }
  const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  const counted = [...metrics.matchAll(/^postern_would_refuse_total\{route="(.+)",error="(.+)"\} (\d+)$/gm)];
  assert.deepEqual(
    counted.map(([, ...labels]) => labels.join(' ')),
    ['/tried unauthorized 1', '/tried invalid_token 1', '/tried insufficient_scope 1', '/ruled access_denied 1'],
  );
});

test('routes that enforce stay as they are, and so do methods', async (context) => {
  const { gateway, upstream, read } = await start(context);
  assert.equal((await get(gateway, '/kept')).status, 401);
  assert.equal((await get(gateway, '/kept', read)).status, 403);
  assert.equal((await fetch(`${gateway.url}/down`, { method: 'POST' })).status, 405);
  assert.equal(upstream.seen.length, 0);
});

test('serve warns of each such route when it starts', async (context) => {
  const { gateway } = await start(context);
  const warned = gateway.records.filter(({ code }) => code === 'report-mode');
  assert.equal(warned.length, 3);
  assert.ok(warned.every(({ level }) => level === 'warn'));
});

test('an explanation tells what would be refused, and what the upstream gets all the same', async (context) => {
  const { gateway } = await start(context);
  const file = `${gateway.directory}/gateway.yaml`;
  const lacking = await explanationOf('GET', '/tried', file, {
    header: [],
    claims: '{"scope":"read","roles":"staff"}',
  });
  assert.equal(lacking.outcome, 'forwarded');
  assert.equal(lacking.wouldRefuse?.code, 'insufficient_scope');
  assert.ok(lacking.upstream?.headers.some(([name, value]) => name === 'X-User' && value === 'a-user'));
  const nobody = await explanationOf('GET', '/tried', file, { header: [] });
  assert.equal(nobody.wouldRefuse?.code, 'unauthorized');
  assert.ok(!nobody.upstream?.headers.some(([name]) => name === 'X-User'));
});
