import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { decodeJwt, generateKeyPair, importPKCS8, SignJWT } from 'jose';
import { login, type RunningGateway, type Settings, startGateway, startUpstream } from '../support/gateway.ts';
import { sendRaw } from '../support/raw.ts';

const ROUTES = [
  { path: '/read', methods: ['GET', 'POST'], scopes: ['read'], upstream: 'api' },
  { path: '/both', scopes: ['read', 'write'], upstream: 'api' },
  { path: '/either', any_scope: ['write', 'admin'], upstream: 'api' },
  { path: '/any', upstream: 'api' },
  { path: '/items/{id}', scopes: ['read'], upstream: 'api', rewrite: '/v2/{id}/item' },
  { path: '/tree/**', scopes: ['read'], upstream: 'api', strip_prefix: '/tree' },
  { path: '/slashes/{id}', scopes: ['read'], upstream: 'api', encoded_slashes: true },
  { path: '/open', public: true, upstream: 'api' },
  { path: '/small', scopes: ['read'], upstream: 'api', max_body: '1kb' },
];

async function startBoth(context: TestContext, settings: Settings = {}) {
  const upstream = await startUpstream(context);
  const gateway = await startGateway(context, {
    upstreams: { api: { targets: [upstream.url] } },
    routes: ROUTES,
    ...settings,
  });
  return { upstream, gateway };
}

async function tokenFor(gateway: RunningGateway, scope: string): Promise<string> {
  return (await login(gateway, { scope })).body.access_token ?? '';
}

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

describe('a route with scopes', () => {
  test('lets a token that has them through, and nothing else', async (context) => {
    const { upstream, gateway } = await startBoth(context);
    const [read, write, both] = await Promise.all(
      ['read', 'write', 'read write'].map((scope) => tokenFor(gateway, scope)),
    );
    const rows: [
      sentence: string,
      path: string,
      token: string | undefined,
      status: number,
      challenge: string | null,
    ][] = [
      ['all of one', '/read', read, 200, null],
      ['more than needed', '/read', both, 200, null],
      ['another one', '/read', write, 403, 'Bearer error="insufficient_scope", scope="read", realm="postern"'],
      ['one of two', '/both', read, 403, 'Bearer error="insufficient_scope", scope="read write", realm="postern"'],
      ['both of two', '/both', both, 200, null],
      ['one of any_scope', '/either', write, 200, null],
      [
        'none of any_scope',
        '/either',
        read,
        403,
        'Bearer error="insufficient_scope", scope="write admin", realm="postern"',
      ],
      ['any token where none is required', '/any', read, 200, null],
      ['no token', '/read', undefined, 401, 'Bearer realm="postern"'],
      ['no token where no scope is required', '/any', undefined, 401, 'Bearer realm="postern"'],
    ];
    for (const [sentence, path, token, status, challenge] of rows) {
      const before = upstream.seen.length;
      const response = await fetch(gateway.url + path, { headers: token ? bearer(token) : {} });
      assert.equal(response.status, status, sentence);
      assert.equal(response.headers.get('www-authenticate'), challenge, sentence);
      assert.equal(upstream.seen.length - before, status === 200 ? 1 : 0, sentence);
    }
  });

  test('tells an error as JSON with the id of the request', async (context) => {
    const { gateway } = await startBoth(context);
    const response = await fetch(`${gateway.url}/read`, { headers: { 'X-Request-Id': 'abc-1' } });
    const body = (await response.json()) as Record<string, string>;
    assert.deepEqual(Object.keys(body), ['error', 'error_description', 'request_id']);
    assert.equal(body.request_id, 'abc-1');
    assert.equal(response.headers.get('x-request-id'), 'abc-1');
  });
});

describe('a token is refused', () => {
  /** Keys of our own, so that a test can sign what the gateway never would. */
  async function startSigning(context: TestContext) {
    const both = await startBoth(context, {
      tokens: {
        issuer: 'https://gateway.example/auth',
        audience: 'https://api.example',
        signing: { keys_dir: 'keys' },
      },
    });
    const token = await tokenFor(both.gateway, 'read');
    const [header = ''] = token.split('.');
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString());
    const pem = readFileSync(join(both.gateway.directory, 'keys', `${kid}.pem`), 'utf8');
    return { ...both, token, kid, key: await importPKCS8(pem, 'RS256') };
  }

  test('unless every part of it is what this gateway would have written', async (context) => {
    const { gateway, upstream, token, kid, key } = await startSigning(context);
    const claims = decodeJwt(token);
    const now = Math.floor(Date.now() / 1000);
    const sign = (changes: object, header: object = {}) =>
      new SignJWT({ ...claims, ...changes })
        .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid, ...header })
        .sign(key);
    const foreign = await generateKeyPair('RS256');
    const [head, payload] = token.split('.');
    const unsigned = Buffer.from(JSON.stringify({ alg: 'none', typ: 'at+jwt', kid })).toString('base64url');
    const symmetric = Buffer.from(JSON.stringify({ alg: 'HS256', typ: 'at+jwt', kid })).toString('base64url');
    const { keys } = (await (await fetch(`${gateway.url}/.well-known/jwks.json`)).json()) as { keys: [{ n: string }] };
    const rows: [sentence: string, token: string, status: number][] = [
      ['as it was issued', token, 200],
      ['signed again by the same key', await sign({}), 200],
      ['expired within the tolerance of 10 seconds', await sign({ exp: now - 5 }), 200],
      ['expired', await sign({ exp: now - 20 }), 401],
      ['not valid yet', await sign({ nbf: now + 60 }), 401],
      ['without exp', await sign({ exp: undefined }), 401],
      ['without sub', await sign({ sub: undefined }), 401],
      ['without jti', await sign({ jti: undefined }), 401],
      ['without client_id', await sign({ client_id: undefined }), 401],
      ['of another issuer', await sign({ iss: 'https://other.example' }), 401],
      ['for another audience', await sign({ aud: 'https://other.example' }), 401],
      ['for several audiences, this one among them', await sign({ aud: ['x', 'https://api.example'] }), 200],
      ['with typ JWT, as an ID token has', await sign({}, { typ: 'JWT' }), 401],
      ['without typ', await sign({}, { typ: undefined }), 401],
      ['with an unknown kid', await sign({}, { kid: 'other' }), 401],
      ['without kid', await sign({}, { kid: undefined }), 401],
      ['with a scope that is no text', await sign({ scope: ['read'] }), 401],
      [
        'signed by another key of the same name',
        await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid }).sign(foreign.privateKey),
        401,
      ],
      ['with its signature cut off', `${head}.${payload}.`, 401],
      ['with alg none', `${unsigned}.${payload}.`, 401],
      [
        'with HS256 and the public key as secret',
        `${symmetric}.${payload}.${createHmac('sha256', keys[0].n).update(`${symmetric}.${payload}`).digest('base64url')}`,
        401,
      ],
      ['an ID token', (await login(gateway)).body.id_token ?? '', 401],
      ['a refresh token', (await login(gateway)).body.refresh_token ?? '', 401],
      ['something else', 'abc', 401],
      ['two words', 'abc def', 401],
    ];
    for (const [sentence, sent, status] of rows) {
      const before = upstream.seen.length;
      const response = await fetch(`${gateway.url}/read`, { headers: bearer(sent) });
      assert.equal(response.status, status, sentence);
      assert.equal(upstream.seen.length - before, status === 200 ? 1 : 0, sentence);
      if (status === 401)
        assert.match(response.headers.get('www-authenticate') ?? '', /^Bearer error="invalid_token"/, sentence);
    }
  });

  test('once it has expired, even though it was good before', async (context) => {
    const { gateway, token, kid, key } = await startSigning(context);
    const exp = Math.floor(Date.now() / 1000) - 9;
    const short = await new SignJWT({ ...decodeJwt(token), exp })
      .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid })
      .sign(key);
    const ask = async () => (await fetch(`${gateway.url}/read`, { headers: bearer(short) })).status;
    assert.equal(await ask(), 200);
    await delay(exp * 1000 + 10_000 - Date.now() + 10);
    assert.equal(await ask(), 401);
  });
});

describe('a request is refused as malformed', () => {
  test('when it says who it is more than once', async (context) => {
    const { gateway, upstream } = await startBoth(context);
    const token = await tokenFor(gateway, 'read');
    const twice = await sendRaw(
      gateway,
      `GET /read HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nauthorization: Bearer ${token}\r\n\r\n`,
    );
    assert.match(twice, /^HTTP\/1\.1 400 /);
    for (const query of ['?access_token=x', '?a=1&access_token=x', '?access%5Ftoken=x']) {
      assert.equal((await fetch(`${gateway.url}/read${query}`, { headers: bearer(token) })).status, 400, query);
    }
    assert.equal((await fetch(`${gateway.url}/read?access_token=${token}`)).status, 401, 'a query alone is no token');
    assert.equal(upstream.seen.length, 0);
  });
});

describe('a request without a matching rule', () => {
  test('reaches no upstream', async (context) => {
    const { gateway, upstream } = await startBoth(context);
    const token = await tokenFor(gateway, 'read');
    const rows: [path: string, method: string, status: number, allow: string | null][] = [
      ['/unknown', 'GET', 404, null],
      ['/', 'GET', 404, null],
      ['/read/more', 'GET', 404, null],
      ['/items/1/2', 'GET', 404, null],
      ['/read', 'DELETE', 405, 'GET, POST'],
      ['/read/', 'GET', 404, null],
      ['/READ', 'GET', 404, null],
      ['/tree/%2e%2e/x', 'GET', 400, null],
      ['/tree/a%2fb', 'GET', 400, null],
      ['/tree/a%5cb', 'GET', 400, null],
      ['/tree/a%00b', 'GET', 400, null],
      ['/tree/a%252fb', 'GET', 400, null],
      ['//read', 'GET', 400, null],
    ];
    for (const [path, method, status, allow] of rows) {
      const answer = await sendRaw(
        gateway,
        `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\n\r\n`,
      );
      assert.equal(answer.split(' ')[1], String(status), `${method} ${path}`);
      assert.equal(/^allow: (.*)$/im.exec(answer)?.[1] ?? null, allow, `${method} ${path}`);
    }
    assert.equal(upstream.seen.length, 0);
  });
});

describe('what the upstream gets', () => {
  test('is the path of the rule, rewritten', async (context) => {
    const { gateway, upstream } = await startBoth(context);
    const headers = bearer(await tokenFor(gateway, 'read'));
    const rows = [
      ['/read?b=2&a=1', '/read?b=2&a=1'],
      ['/items/7%20b?x', '/v2/7%20b/item?x'],
      ['/tree', '/'],
      ['/tree/a/%62', '/a/b'],
      ['/slashes/a%2fb', '/slashes/a%2Fb'],
    ];
    for (const [sent, got] of rows) {
      assert.equal((await fetch(gateway.url + sent, { headers })).status, 200, sent);
      assert.equal(upstream.seen.at(-1)?.url, got, sent);
    }
  });

  test('is the token where the upstream keeps it, and never one on a public route', async (context) => {
    const { gateway, upstream } = await startBoth(context);
    const headers = bearer(await tokenFor(gateway, 'read'));
    await fetch(`${gateway.url}/read`, { headers });
    assert.equal(upstream.seen.at(-1)?.headers.authorization, headers.Authorization);
    assert.equal((await fetch(`${gateway.url}/open`, { headers: bearer('bad') })).status, 200);
    assert.equal(upstream.seen.at(-1)?.headers.authorization, undefined);
  });

  test('is who the gateway found the caller to be, not who the caller claims to be', async (context) => {
    const upstream = await startUpstream(context);
    const gateway = await startGateway(context, {
      upstreams: {
        api: {
          targets: [upstream.url],
          authorization: 'remove',
          identity_headers: {
            'X-User': '{token.sub}',
            'X-Client': '{token.client_id}',
            'X-Scopes': '{token.scope}',
            'X-Roles': '{token.roles}',
          },
        },
      },
      routes: ROUTES,
    });
    const headers = {
      ...bearer(await tokenFor(gateway, 'read')),
      'X-User': 'root',
      X_User: 'root',
      'x.client': 'root',
    };
    await fetch(`${gateway.url}/read`, { headers });
    const seen = upstream.seen.at(-1)?.headers ?? {};
    assert.equal(seen.authorization, undefined);
    assert.deepEqual(
      Object.entries(seen).filter(([name]) => /^x[-_.](user|client|scopes|roles)$/.test(name)),
      [
        ['x-user', 'u-1'],
        ['x-client', 'web'],
        ['x-scopes', 'read'],
        ['x-roles', 'agents,staff'],
      ],
    );
    await fetch(`${gateway.url}/open`, { headers: { 'X-User': 'root' } });
    assert.equal(upstream.seen.at(-1)?.headers['x-user'], undefined);
  });
});

test('a body over max_body is 413 and reaches no upstream', async (context) => {
  const { gateway, upstream } = await startBoth(context);
  const headers = bearer(await tokenFor(gateway, 'read'));
  const send = (bytes: number) => fetch(`${gateway.url}/small`, { method: 'POST', headers, body: 'x'.repeat(bytes) });
  assert.equal((await send(1024)).status, 200);
  assert.equal((await send(1025)).status, 413);
  assert.equal(upstream.seen.length, 1);
});
