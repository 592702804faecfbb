import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { adminAddressIn, askGateway } from '../../src/commands/ask-gateway.ts';
import { BadUsage } from '../../src/commands/bad-usage.ts';
import { type ExplainOptions, explain } from '../../src/commands/explain.ts';
import { GatewayError } from '../../src/errors.ts';
import type { ExplanationDocument } from '../../src/explain/document.ts';
import { RecentRefusals } from '../../src/explain/recent-refusals.ts';
import { createMatcher } from '../../src/routing/matcher.ts';
import { routesOf } from '../routing/routes.ts';
import { postern } from '../support/cli.ts';
import { DpopKey } from '../support/dpop.ts';
import { type RunningGateway, requestToken, startGateway, startUpstream } from '../support/gateway.ts';
import { sendRaw } from '../support/raw.ts';

const TOKEN = 'admin-token';

async function start(context: TestContext) {
  const upstream = await startUpstream(context);
  const gateway = await startGateway(context, {
    admin: { address: '127.0.0.1:0', token: TOKEN },
    listen: { address: '127.0.0.1:0', shutdown_grace: '0s', header_timeout: '1s', request_timeout: '1s' },
    tokens: { signing: { algorithm: 'ES256' } },
    clients: [
      { id: 'web', auth: 'none', grants: ['password'], scopes: ['read', 'write'] },
      { id: 'bound', auth: 'none', bind_tokens: 'dpop', grants: ['password'], scopes: ['read'] },
    ],
    upstreams: { api: { targets: [upstream.url] }, out: { targets: ['http://127.0.0.1:1'] } },
    routes: [
      { path: '/read/**', scopes: ['read'], upstream: 'api', max_body: '1kb' },
      { path: '/read/deep', scopes: ['write'], require: { roles: ['boss'] }, upstream: 'api' },
      { path: '/tried', scopes: ['write'], upstream: 'api', mode: 'report' },
      { path: '/out', public: true, upstream: 'out' },
    ],
  });
  return { gateway, upstream, admin: { origin: gateway.adminUrl, token: TOKEN } };
}

async function tokenOf(gateway: RunningGateway, scope: string): Promise<string> {
  const { body } = await requestToken(gateway, LOGIN({ scope }), {});
  return body.access_token ?? '';
}

const LOGIN = (more: object) => ({
  ...{ grant_type: 'password', client_id: 'web', username: 'ann', password: 'correct horse' },
  ...more,
});

test('what was refused is explained by its id, and nothing of it is kept that is secret', async (context) => {
  const { gateway, admin } = await start(context);
  const read = await tokenOf(gateway, 'read');
  const rows: [sentence: string, lines: string[], error: string, checks: string[]][] = [
    [
      'a malformed request',
      ['GET / HTTP/1.1', 'Content-Length: 1', 'Content-Length: 2'],
      'invalid_request',
      ['request'],
    ],
    ['a path that is none', ['GET /a//b?SECRET HTTP/1.1'], 'invalid_request', ['request']],
    ['no route', ['GET /nowhere?SECRET HTTP/1.1'], 'not_found', ['head', 'route']],
    ['another method', ['TRACE /read/x HTTP/1.1'], 'method_not_allowed', ['head', 'route']],
    [
      'a bad token',
      ['GET /read/x?SECRET HTTP/1.1', 'Authorization: Bearer SECRET'],
      'invalid_token',
      ['head', 'route', 'token'],
    ],
    [
      'a lacking scope',
      ['GET /read/deep HTTP/1.1', `Authorization: Bearer ${read}`],
      'insufficient_scope',
      ['head', 'route', 'token', 'scopes', 'require'],
    ],
    [
      'a body',
      ['POST /read/x HTTP/1.1', 'Content-Length: 9999', `Authorization: Bearer ${read}`],
      'content_too_large',
      ['head', 'route', 'token', 'scopes', 'max_body'],
    ],
    [
      'an upgrade',
      ['GET /read/x HTTP/1.1', 'Connection: upgrade', 'Upgrade: h2c'],
      'upgrade_required',
      ['head', 'websocket'],
    ],
    [
      'a body that does not end',
      ['POST /read/x HTTP/1.1', 'Content-Length: 9', `Authorization: Bearer ${read}`],
      'request_timeout',
      ['head', 'route', 'token', 'scopes', 'request'],
    ],
    ['an upstream that is out', ['GET /out HTTP/1.1'], 'bad_gateway', ['head', 'route', 'upstream']],
  ];
  for (const [sentence, [line, ...headers], error, checks] of rows) {
    const lines = [line, 'Host: api.example', 'Cookie: SECRET', ...headers];
    if (!headers.includes('Connection: upgrade')) lines.push('Connection: close');
    const answer = await sendRaw(gateway, `${lines.join('\r\n')}\r\n\r\n`, 2500);
    const id = /X-Request-Id: (\S+)/.exec(answer)?.[1] ?? '';
    const document = await askGateway<ExplanationDocument>(admin, 'GET', `/explain?request=${id}`);
    assert.deepEqual([document.refusal?.error, document.outcome], [error, 'refused'], sentence);
    assert.equal(document.request_id, id, sentence);
    assert.deepEqual(
      document.checks.map(({ name }) => name),
      checks,
      sentence,
    );
    const kept = JSON.stringify(document);
    for (const secret of ['SECRET', read, read.split('.')[2] ?? '']) assert.ok(!kept.includes(secret), sentence);
  }
});

test('what a route in report mode has let pass is explained too', async (context) => {
  const { gateway, admin, upstream } = await start(context);
  const { headers } = await fetch(`${gateway.url}/tried`);
  const question = `/explain?request=${headers.get('X-Request-Id')}`;
  const { outcome, would_refuse, refusal } = await askGateway<ExplanationDocument>(admin, 'GET', question);
  assert.deepEqual([outcome, would_refuse?.error, refusal], ['forwarded', 'unauthorized', undefined]);
  const before = await askGateway<ExplanationDocument>(admin, 'POST', '/explain', { method: 'GET', url: '/tried' });
  assert.deepEqual([before.outcome, before.would_refuse?.error], ['forwarded', 'unauthorized']);
  assert.equal(upstream.seen.length, 1, 'explaining sends nothing');
});

test('a running gateway knows its keys and what was revoked, and uses up no proof', async (context) => {
  const { gateway, admin } = await start(context);
  const ask = async (url: string, headers: string[]) =>
    (await askGateway<ExplanationDocument>(admin, 'POST', '/explain', { method: 'GET', url, headers })).refusal?.error;
  const token = await tokenOf(gateway, 'read');
  assert.equal(await ask('/read/x', [`Authorization: Bearer ${token}`]), undefined);
  await fetch(`${gateway.url}/revoke`, { method: 'POST', body: new URLSearchParams({ token, client_id: 'web' }) });
  assert.equal(await ask('/read/x', [`Authorization: Bearer ${token}`]), 'invalid_token');

  const key = await DpopKey.generate();
  const proof = { method: 'POST', url: 'https://gateway.example/token' };
  const form = LOGIN({ client_id: 'bound' });
  const first = await requestToken(gateway, form, { DPoP: await key.prove(proof) });
  const nonce = first.headers.get('DPoP-Nonce') ?? '';
  const { body } = await requestToken(gateway, form, { DPoP: await key.prove({ ...proof, nonce }) });
  const accessToken = body.access_token;
  const sent = await key.prove({ method: 'GET', url: 'https://api.example/read/x', nonce, accessToken });
  const lines = [`Authorization: DPoP ${accessToken}`, `DPoP: ${sent}`];
  assert.equal(await ask('/read/x', lines), undefined);
  assert.equal(await ask('/read/x', lines), undefined, 'asking is no use of it');
  const headers = { Authorization: `DPoP ${accessToken}`, DPoP: sent };
  assert.equal((await fetch(`${gateway.url}/read/x`, { headers })).status, 200);
  assert.equal(await ask('/read/x', lines), 'invalid_dpop_proof', 'it was used');
});

test('nobody asks without the admin token, or what is no question', async (context) => {
  const { gateway, admin } = await start(context);
  const rows: [sentence: string, body: string, token: string, status: number][] = [
    ['no token', '{"method":"GET","url":"/read"}', '', 401],
    ['another token', '{"method":"GET","url":"/read"}', 'x', 401],
    ['no JSON', 'GET /read', TOKEN, 400],
    ['no method', '{"url":"/read"}', TOKEN, 400],
    ['a header too many lines long', '{"method":"GET","url":"/read","headers":["A: b\\r\\nC: d"]}', TOKEN, 400],
    ['a second request behind the first', '{"method":"GET","url":"/ HTTP/1.1\\r\\n\\r\\nGET /x"}', TOKEN, 400],
    ['CONNECT', '{"method":"CONNECT","url":"/"}', TOKEN, 400],
    ['more than 2 MB', `{"method":"GET","url":"/${'x'.repeat(2 * 1024 ** 2)}"}`, TOKEN, 413],
    ['a head that is too large', `{"method":"GET","url":"/${'x'.repeat(20_000)}"}`, TOKEN, 400],
  ];
  for (const [sentence, body, token, status] of rows) {
    const headers = { Authorization: `Bearer ${token}` };
    const response = await fetch(`${admin.origin}/explain`, { method: 'POST', body, headers });
    assert.equal(response.status, status, sentence);
    await response.arrayBuffer();
  }
  assert.equal((await fetch(`${gateway.adminUrl}/explain?request=x`)).status, 401);
});

test('postern explain asks the gateway for both', async (context) => {
  const { gateway } = await start(context);
  const file = join(gateway.directory, 'gateway.yaml');
  const token = await tokenOf(gateway, 'read');
  const admin = gateway.adminUrl;
  const headers = { Authorization: `Bearer ${token}`, 'X-Request-Id': 'my/own=id' };
  await fetch(`${gateway.url}/read/deep`, { headers });
  const { code, stdout } = await postern([
    'explain',
    '--request',
    'my/own=id',
    '--admin',
    admin,
    '--admin-token',
    TOKEN,
  ]);
  assert.equal(code, 0);
  assert.match(stdout, /\/read\/deep: refused with 403 insufficient_scope/);
  assert.match(stdout, /Near it:\n {2}\/read\/\*\* of \S+:\d+ fits too/);
  const options = { header: [], format: 'text', adminToken: TOKEN } as const;
  const wrong: [sentence: string, words: string[], options: Partial<ExplainOptions>][] = [
    ['claims for a running gateway', ['GET', '/read'], { admin, claims: '{}' }],
    ['no URL for an address', [], { request: 'x', admin: '127.0.0.1:1' }],
    ['two questions', ['GET', '/read'], { request: 'x', admin }],
    ['no question', [file], {}],
  ];
  for (const [sentence, words, given] of wrong) {
    await assert.rejects(explain(words, { ...options, ...given }), BadUsage, sentence);
  }
  await assert.rejects(explain([], { ...options, admin, request: 'other' }), /answered 404/);
  await assert.rejects(explain([], { ...options, admin: 'http://127.0.0.1:1', request: 'x' }), /no gateway answers/);
  assert.deepEqual(adminAddressIn(file), { origin: 'http://127.0.0.1:0', token: TOKEN });
});

test('a flood of refusals is remembered within bounds, the latest first', () => {
  const refusals = new RecentRefusals();
  const note = refusals.recorder(createMatcher(routesOf('/a')));
  const error = new GatewayError('not_found');
  const isKept = (id: number) => {
    try {
      return refusals.explain(String(id)) !== undefined;
    } catch {
      return false;
    }
  };
  const countKept = (from: number) => Array.from({ length: 5000 }, (_, id) => from + id).filter(isKept).length;
  for (let id = 0; id < 5000; id += 1) note({ requestId: String(id), method: 'GET', path: '/', error });
  assert.ok(countKept(0) <= 1000);
  assert.ok(isKept(4999) && !isKept(0));
  const long = 'x'.repeat(100_000);
  for (let id = 5000; id < 10_000; id += 1)
    note({ requestId: String(id), method: 'GET', host: long, path: long, error });
  assert.ok(countKept(5000) < 300, 'fewer, for they are longer');
  assert.ok(isKept(9999));
  assert.ok(refusals.explain('9999').request.length < 3000);
});
