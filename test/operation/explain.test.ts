import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { importPKCS8, type JWTPayload, SignJWT } from 'jose';
import { askGateway } from '../../src/commands/ask-gateway.ts';
import { explanationOf } from '../../src/commands/explain.ts';
import type { ExplanationDocument } from '../../src/explain/document.ts';
import { login, type RunningGateway, type RunningUpstream, startGateway, startUpstream } from '../support/gateway.ts';
import { ISSUER_AUDIENCE, startIssuer } from '../support/issuer.ts';
import { sendRaw } from '../support/raw.ts';

const ISSUER = 'https://gateway.example/auth';

/** A gateway with its keys in files, and one of each thing that can keep a request from its upstream. */
async function start(context: TestContext) {
  const [upstream, issuer] = await Promise.all([startUpstream(context), startIssuer(context)]);
  const gateway = await startGateway(context, {
    tokens: {
      issuer: ISSUER,
      audience: 'https://api.example',
      signing: { keys_dir: 'keys', algorithm: 'ES256' },
      trusted_issuers: [{ issuer: issuer.url, jwks_uri: `${issuer.url}/jwks`, audience: ISSUER_AUDIENCE }],
    },
    upstreams: {
      api: { targets: [upstream.url], identity_headers: { 'X-User': '{token.sub}' } },
      bare: { targets: [upstream.url], host: 'target', authorization: 'remove' },
    },
    routes: [
      { path: '/read', methods: ['GET', 'POST'], scopes: ['read'], upstream: 'api', max_body: '1kb' },
      { path: '/both', scopes: ['read', 'write'], upstream: 'api' },
      { path: '/either', any_scope: ['write', 'admin'], upstream: 'bare' },
      { path: '/items/{id}', upstream: 'api', rewrite: '/v2/{id}/item' },
      { path: '/items/mine', upstream: 'api', websocket: true },
      { path: '/tree/**', upstream: 'bare', strip_prefix: '/tree' },
      { path: '/agents', require: { dept: ['sales', 7] }, upstream: 'api' },
      { path: '/theirs', issuers: [issuer.url], scopes: ['read'], upstream: 'api' },
      { path: '/elsewhere', audience: 'https://other.example', upstream: 'api' },
      { path: '/hosted', host: 'a.example', public: true, upstream: 'bare' },
      { path: '/open/**', public: true, upstream: 'api' },
    ],
  });
  await fetch(`${gateway.adminUrl}/readyz`); // It answers once the key is made.
  const [file = ''] = readdirSync(join(gateway.directory, 'keys'));
  const key = await importPKCS8(readFileSync(join(gateway.directory, 'keys', file), 'utf8'), 'ES256');
  const nowSeconds = Math.floor(Date.now() / 1000);
  const claims = { iss: ISSUER, aud: 'https://api.example', sub: 'u-1', client_id: 'web', iat: nowSeconds, jti: 'j' };
  const sign = (changes: JWTPayload & { scope?: string } = {}, header = {}) =>
    new SignJWT({ ...claims, exp: nowSeconds + 60, scope: 'read', ...changes })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: basename(file, '.pem'), ...header })
      .sign(key);
  return { gateway, upstream, issuer, sign, nowSeconds };
}

interface Asked {
  readonly method?: string;
  readonly token?: string;
  readonly headers?: readonly string[];
}

function explained({ directory }: RunningGateway, target: string, { method = 'GET', token, headers = [] }: Asked) {
  const url = /^\/(?!\/)/.test(target) ? `http://any.example${target}` : target;
  return explanationOf(method, url, join(directory, 'gateway.yaml'), {
    header: headers,
    ...(token !== undefined && { token }),
  });
}

/** The status that the running gateway gives the same request, and its id. */
async function answered(gateway: RunningGateway, target: string, { method = 'GET', token, headers = [] }: Asked) {
  const host = headers.some((line) => /^host:/i.test(line)) ? [] : ['Host: any.example'];
  const authorization = token === undefined ? [] : [`Authorization: Bearer ${token}`];
  const close = headers.some((line) => /^connection:/i.test(line)) ? [] : ['Connection: close'];
  const lines = [`${method} ${target} HTTP/1.1`, ...host, ...headers, ...authorization, ...close];
  const answer = await sendRaw(gateway, `${lines.join('\r\n')}\r\n\r\n`);
  const [, status, id = ''] = /^HTTP\/1\.1 (\d{3})[\s\S]*?\r\nX-Request-Id: (\S+)/.exec(answer) ?? [];
  return { status: Number(status), id };
}

/** What the running gateway says of the same request beforehand. */
function told({ adminUrl }: RunningGateway, target: string, { method = 'GET', token, headers = [] }: Asked) {
  const url = /^\/(?!\/)/.test(target) ? `http://any.example${target}` : target;
  const authorization = token === undefined ? [] : [`Authorization: Bearer ${token}`];
  const question = { method, url, headers: [...headers, ...authorization] };
  return askGateway<ExplanationDocument>({ origin: adminUrl, token: '' }, 'POST', '/explain', question);
}

/** What it says afterwards. */
function remembered({ adminUrl }: RunningGateway, id: string) {
  return askGateway<ExplanationDocument>({ origin: adminUrl, token: '' }, 'GET', `/explain?request=${id}`);
}

test('a request is explained as the running gateway answers it', async (context) => {
  const { gateway, upstream, issuer, sign, nowSeconds } = await start(context);
  const good = await sign();
  const other = await sign({ aud: 'https://other.example' });
  const bound = await sign({ cnf: { 'x5t#S256': 'x' } } as JWTPayload);
  const theirs = await issuer.sign();
  const websocket = ['Connection: upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
  const handshake = [...websocket, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='];
  const rows: [sentence: string, target: string, status: number, asked?: Asked][] = [
    ['a good token', '/read', 200, { token: good }],
    ['a query', '/read?a=1&b', 200, { token: good }],
    ['a second scope that is lacking', '/both', 403, { token: good }],
    ['both scopes', '/both', 200, { token: await sign({ scope: 'write read' }) }],
    ['none of any_scope', '/either', 403, { token: good }],
    ['one of any_scope', '/either', 200, { token: await sign({ scope: 'admin' }) }],
    ['no token', '/read', 401],
    ['an expired token', '/read', 401, { token: await sign({ exp: nowSeconds - 20 }) }],
    ['a token that is not valid yet', '/read', 401, { token: await sign({ nbf: nowSeconds + 60 }) }],
    ['a token of another issuer', '/read', 401, { token: await sign({ iss: 'https://x.example' }) }],
    ['a token for another audience', '/read', 401, { token: other }],
    ['a token for the audience of the route', '/elsewhere', 200, { token: other }],
    ['a token for the audience of other routes', '/elsewhere', 401, { token: good }],
    ['a token of another type', '/read', 401, { token: await sign({}, { typ: 'JWT' }) }],
    ['a token of an unknown key', '/read', 401, { token: await sign({}, { kid: 'x' }) }],
    ['a token whose signature is cut off', '/read', 401, { token: good.replace(/\.[^.]*$/, '.') }],
    ['a token bound to a certificate that was not shown', '/read', 401, { token: bound }],
    ['something else than a token', '/read', 401, { token: 'abc' }],
    ['two words for a token', '/read', 401, { token: 'abc def' }],
    ['Basic instead of a token', '/read', 401, { headers: ['Authorization: Basic eDp5'] }],
    ['two tokens', '/read', 400, { token: good, headers: ['Authorization: Bearer x'] }],
    ['a token in the query too', '/read?access_token=x', 400, { token: good }],
    ['an ID token', '/read', 401, { token: (await login(gateway)).body.id_token ?? '' }],
    ['a token of the trusted issuer', '/theirs', 200, { token: theirs }],
    ['an expired token of the trusted issuer', '/theirs', 401, { token: await issuer.sign({ exp: nowSeconds - 20 }) }],
    ['a token of the trusted issuer without the scope', '/theirs', 403, { token: await issuer.sign({ scope: '' }) }],
    ['a token of the trusted issuer elsewhere', '/read', 401, { token: theirs }],
    ['a token of ours where only theirs is taken', '/theirs', 401, { token: good }],
    ['a rule that is met', '/agents', 200, { token: await sign({ dept: 7 }) }],
    ['a rule that is not met', '/agents', 403, { token: await sign({ dept: 'it' }) }],
    ['a rule about a claim that is missing', '/agents', 403, { token: good }],
    ['a parameter', '/items/7%20b', 200, { token: good }],
    ['a path that could be taken for another', '/items/MINE', 400, { token: good }],
    ['a tree', '/tree/a/b', 200, { token: good }],
    ['dots in the path', '/tree/../read', 400, { token: good }],
    ['an encoded slash', '/tree/a%2Fb', 400, { token: good }],
    ['a path encoded twice', '/tree/a%252Fb', 400, { token: good }],
    ['another method', '/read', 405, { method: 'DELETE', token: good }],
    ['TRACE', '/both', 405, { method: 'TRACE', token: good }],
    ['no rule', '/nowhere', 404, { token: good }],
    ['another case', '/READ', 404, { token: good }],
    ['a rule for another host', '/hosted', 404],
    ['a rule for this host', '/hosted', 200, { headers: ['Host: A.example:8080'] }],
    ['two hosts', '/hosted', 400, { headers: ['Host: a.example', 'Host: b.example'] }],
    ['a host that is none', '/hosted', 400, { headers: ['Host: a b'] }],
    ['a public route with a bad token', '/open/x', 200, { token: 'abc' }],
    ['an expectation that nobody meets', '/open/x', 417, { headers: ['Expect: 200-ok'] }],
    [
      'a body that is declared too large',
      '/read',
      413,
      { method: 'POST', token: good, headers: ['Content-Length: 9999'] },
    ],
    [
      'an upgrade to something else',
      '/items/mine',
      426,
      { token: good, headers: ['Connection: upgrade', 'Upgrade: h2c'] },
    ],
    ['a WebSocket where there is none', '/read', 400, { token: good, headers: handshake }],
    ['a WebSocket without a key', '/items/mine', 400, { token: good, headers: websocket }],
    ['a WebSocket without a token', '/items/mine', 401, { headers: handshake }],
  ];
  for (const [sentence, target, status, asked = {}] of rows) {
    const before = upstream.seen.length;
    const answer = await answered(gateway, target, asked);
    assert.equal(answer.status, status, sentence);
    const sent = upstream.seen.slice(before);
    const { refusal, upstream: foretold, checks, nearMisses } = await explained(gateway, target, asked);
    assert.equal(refusal?.status ?? 200, status, `${sentence}: ${JSON.stringify(checks)}`);
    assert.equal(foretold === undefined, sent.length === 0, sentence);
    if (foretold) assertAlike(foretold, sent, sentence);
    const running = await told(gateway, target, asked);
    assert.equal(running.refusal?.error, refusal?.code, sentence);
    assert.deepEqual(running.upstream?.path, foretold?.path, sentence);
    if (status === 200) continue;
    const after = await remembered(gateway, answer.id);
    assert.equal(after.refusal?.error, refusal?.code, sentence);
    assert.deepEqual(after.refusal?.headers, running.refusal?.headers, sentence);
    assert.equal(after.route?.path, running.route?.path, sentence);
    if (checks.some(({ name }) => name === 'route'))
      assert.equal(after.near_misses.length, nearMisses.length, sentence);
    assert.deepEqual(
      after.checks.map(({ passed }) => passed).filter((passed) => !passed),
      [false],
      sentence,
    );
  }
  assert.equal(upstream.seen.length, rows.filter(([, , status]) => status === 200).length, 'explaining sends nothing');
});

/** The headers too, but for those that are new in each request and those of a connection. */
function assertAlike(
  told: NonNullable<Awaited<ReturnType<typeof explained>>['upstream']>,
  [sent]: RunningUpstream['seen'],
  sentence: string,
): void {
  const names = (headers: Iterable<string>) =>
    [...headers]
      .map((name) => name.toLowerCase())
      .filter((name) => name !== 'connection')
      .sort();
  assert.deepEqual([told.method, told.path], [sent?.method, sent?.url], sentence);
  assert.deepEqual(names(told.headers.map(([name]) => name)), names(Object.keys(sent?.headers ?? {})), sentence);
  for (const [name, value] of told.headers) {
    if (/^(x-request-id|traceparent|authorization)$/i.test(name)) continue;
    assert.equal(value, sent?.headers[name.toLowerCase()], `${sentence}: ${name}`);
  }
}

test('the gateway answers its own paths itself, and no others', async (context) => {
  const { gateway, upstream } = await start(context);
  const paths = ['/token', '/revoke', '/introspect', '/.well-known/jwks.json']
    .concat(['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server/auth'])
    .concat(['/auth/.well-known/openid-configuration']);
  for (const path of paths) {
    assert.notEqual((await answered(gateway, path, {})).status, 404, path);
    assert.equal((await told(gateway, path, {})).outcome, 'answered by the gateway itself', path);
    assert.equal((await explained(gateway, path, {})).outcome, 'answered by the gateway itself', path);
  }
  assert.equal((await explained(gateway, '/tokens', {})).outcome, 'refused');
  assert.equal(upstream.seen.length, 0);
});

test('claims are taken as verified, for whatever issuer and audience a route wants', async (context) => {
  const { gateway, issuer } = await start(context);
  const rows: [sentence: string, target: string, claims: object, status: number][] = [
    ['what a route needs', '/read', { scope: 'read' }, 200],
    ['a scope too few', '/both', { scope: 'read' }, 403],
    ['an audience of its own', '/elsewhere', {}, 200],
    ['a rule', '/agents', { dept: 'sales' }, 200],
    ['an expiry that is past', '/read', { scope: 'read', exp: 1 }, 401],
    ['an audience that is named', '/read', { scope: 'read', aud: 'https://other.example' }, 401],
    ['another issuer', '/theirs', { iss: issuer.url, scope: 'read' }, 200],
    ['another issuer where it is not taken', '/read', { iss: issuer.url, scope: 'read' }, 401],
    ['an issuer that nobody knows', '/read', { iss: 'https://x.example', scope: 'read' }, 401],
    ['no scope at all', '/items/7', {}, 200],
  ];
  for (const [sentence, target, claims, status] of rows) {
    const file = join(gateway.directory, 'gateway.yaml');
    const { refusal } = await explanationOf('GET', target, file, { header: [], claims: JSON.stringify(claims) });
    assert.equal(refusal?.status ?? 200, status, sentence);
  }
});

test('what is told apart from the verdict', async (context) => {
  const { gateway, sign } = await start(context);
  const token = await sign();
  const lacking = await explained(gateway, '/both', { token });
  assert.deepEqual(
    lacking.checks.map(({ name, passed }) => [name, passed]),
    [
      ['head', true],
      ['route', true],
      ['token', true],
      ['scopes', false],
    ],
  );
  assert.match(lacking.checks.at(-1)?.detail ?? '', /needs read and write; has read; lacks write/);
  const expired = await explained(gateway, '/read', { token: await sign({ exp: 1 }) });
  assert.match(expired.checks.at(-1)?.detail ?? '', /"exp" claim/);
  const near = await explained(gateway, '/read', { method: 'PUT' });
  assert.deepEqual(
    near.nearMisses.map(({ route, because }) => [route.path, because]),
    [['/read', 'method']],
  );
  const { upstream } = await explained(gateway, '/read', { token });
  assert.deepEqual(
    upstream?.headers.find(([name]) => name === 'Authorization'),
    ['Authorization', 'Bearer ...'],
  );
});
