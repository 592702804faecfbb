import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { BASIC, login, PASSWORD, redisStore, requestToken, SECRET_SHA256, startGateway } from '../support/gateway.ts';
import { sendRaw, statuses } from '../support/raw.ts';

const basic = (id: string, secret: string) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;

const CLIENTS = [
  {
    id: 'web',
    auth: 'client_secret_basic',
    secret_sha256: SECRET_SHA256,
    grants: ['password', 'refresh_token'],
    scopes: ['read', 'write', 'admin'],
    default_scopes: ['read'],
    id_token: true,
  },
  { id: 'post', auth: 'client_secret_post', secret: 's3cret', grants: ['password'], scopes: ['read', 'write'] },
  { id: 'spa', auth: 'none', grants: ['password', 'refresh_token'], scopes: ['read'], access_token_ttl: '90s' },
  { id: 'odd-id%', auth: 'client_secret_basic', secret: 'a%2Bb+c:d', grants: ['password'], scopes: ['read'] },
  { id: 'robot', auth: 'client_secret_basic', secret: 'r', grants: ['client_credentials'], scopes: ['read'] },
];

for (const [name, store] of [
  ['the embedded store', {}],
  ['Redis', redisStore()],
] as const) {
  describe(`the token endpoint with ${name}`, () => {
    test('a login is answered with everything that the client is to have', async (context) => {
      const gateway = await startGateway(context, { store, clients: CLIENTS });
      const { status, headers, body } = await login(gateway, { scope: 'write read' });
      assert.equal(status, 200);
      assert.equal(headers.get('content-type'), 'application/json; charset=utf-8');
      assert.equal(headers.get('cache-control'), 'no-store');
      assert.equal(headers.get('pragma'), 'no-cache');
      assert.deepEqual(Object.keys(body).sort(), [
        'access_token',
        'expires_in',
        'id_token',
        'id_token_type',
        'refresh_token',
        'scope',
        'token_type',
      ]);
      assert.equal(body.token_type, 'Bearer');
      assert.equal(body.expires_in, 900);
      assert.equal(body.scope, 'write read');
      assert.equal(body.id_token_type, 'urn:ietf:params:oauth:grant-type:jwt-bearer');
    });

    test('the access token carries the claims of RFC 9068 and the mapped ones', async (context) => {
      const gateway = await startGateway(context, { store, clients: CLIENTS });
      const { body } = await login(gateway);
      const token = body.access_token ?? '';
      const { jti, sid, iat, exp, auth_time, ...claims } = decodeJwt(token);
      assert.deepEqual(claims, {
        iss: 'https://gateway.example/auth',
        aud: 'https://api.example',
        sub: 'u-1',
        client_id: 'web',
        scope: 'read',
        customData: { cn: '1001' },
        roles: ['agents', 'staff'],
      });
      assert.match(jti ?? '', /^[0-9a-f-]{36}$/);
      assert.match(String(sid), /^[\w-]{22}$/);
      assert.equal((exp ?? 0) - (iat ?? 0), 900);
      assert.ok(Math.abs(Number(auth_time) - Number(iat)) <= 1);
      const { alg, typ } = decodeProtectedHeader(token);
      assert.deepEqual({ alg, typ }, { alg: 'ES256', typ: 'at+jwt' });
    });

    test('the ID token is for the client', async (context) => {
      const gateway = await startGateway(context, { store, clients: CLIENTS });
      const { body } = await login(gateway);
      const { aud, sub, iss } = decodeJwt(body.id_token ?? '');
      assert.deepEqual({ aud, sub, iss }, { aud: 'web', sub: 'u-1', iss: 'https://gateway.example/auth' });
      assert.equal(decodeProtectedHeader(body.id_token ?? '').typ, 'JWT');
    });

    test('a client without refresh_token among its grants gets no refresh token, and no ID token unasked', async (context) => {
      const gateway = await startGateway(context, { store, clients: CLIENTS });
      const form = {
        grant_type: 'password',
        username: 'bob',
        password: PASSWORD,
        client_id: 'post',
        client_secret: 's3cret',
      };
      const { status, body } = await requestToken(gateway, form, {});
      assert.equal(status, 200);
      assert.deepEqual(Object.keys(body).sort(), ['access_token', 'expires_in', 'scope', 'token_type']);
      assert.equal(body.scope, 'read write');
    });

    test('every request that is not right is refused by its code', async (context) => {
      const gateway = await startGateway(context, { store, clients: CLIENTS, login_limits: GENEROUS });
      for (const [sentence, form, headers, status, error] of REFUSALS) {
        const answer = await requestToken(gateway, form, headers);
        assert.equal(`${answer.status} ${answer.body.error}`, `${status} ${error}`, sentence);
        assert.equal(answer.headers.get('cache-control'), 'no-store', sentence);
        assert.equal(answer.headers.get('pragma'), 'no-cache', sentence);
        assert.match(answer.body.error_description ?? '', /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/, sentence);
      }
    });

    test('every right way to say the same is accepted', async (context) => {
      const gateway = await startGateway(context, { store, clients: CLIENTS });
      for (const [sentence, form, headers] of ACCEPTED) {
        const { status, body } = await requestToken(gateway, form, headers);
        assert.equal(status, 200, `${sentence}: ${body.error_description}`);
      }
    });
  });
}

const GENEROUS = {
  min_failure_time: '0ms',
  user_and_address: { failures: 1000 },
  user: { failures: 1000 },
  address: { failures: 1000 },
};
const LOGIN = { grant_type: 'password', username: 'ann', password: PASSWORD };
const AS_WEB = { Authorization: BASIC };
const long = 'x'.repeat(5000);

type Row = readonly [
  sentence: string,
  form: Record<string, string> | string,
  headers: Record<string, string>,
  status: number,
  error: string,
];

const REFUSALS: readonly Row[] = [
  ['no grant_type', { username: 'ann', password: PASSWORD }, AS_WEB, 400, 'invalid_request'],
  ['an empty grant_type', { ...LOGIN, grant_type: '' }, AS_WEB, 400, 'invalid_request'],
  ['an unknown grant_type', { ...LOGIN, grant_type: 'implicit' }, AS_WEB, 400, 'unsupported_grant_type'],
  ['a grant that the client may not use', LOGIN, { Authorization: basic('robot', 'r') }, 400, 'unauthorized_client'],
  ['no username', { grant_type: 'password', password: PASSWORD }, AS_WEB, 400, 'invalid_request'],
  ['no password', { grant_type: 'password', username: 'ann' }, AS_WEB, 400, 'invalid_request'],
  ['an unknown user', { ...LOGIN, username: 'nobody' }, AS_WEB, 400, 'invalid_grant'],
  ['a wrong password', { ...LOGIN, password: 'wrong' }, AS_WEB, 400, 'invalid_grant'],
  ['an empty password', { ...LOGIN, password: '' }, AS_WEB, 400, 'invalid_grant'],
  ['an empty username', { ...LOGIN, username: '' }, AS_WEB, 400, 'invalid_grant'],
  ['an overlong password', { ...LOGIN, password: long }, AS_WEB, 400, 'invalid_grant'],
  ['a disabled user', { ...LOGIN, username: 'eve' }, AS_WEB, 400, 'invalid_grant'],
  ['a NUL in the password', { ...LOGIN, password: `${PASSWORD}\0` }, AS_WEB, 400, 'invalid_grant'],
  ['another case of the username', { ...LOGIN, username: 'ANN' }, AS_WEB, 400, 'invalid_grant'],
  ['an unknown scope', { ...LOGIN, scope: 'read fly' }, AS_WEB, 400, 'invalid_scope'],
  ['a scope in another case', { ...LOGIN, scope: 'READ' }, AS_WEB, 400, 'invalid_scope'],
  ['a scope with a quote', { ...LOGIN, scope: 'read"' }, AS_WEB, 400, 'invalid_scope'],
  ['two spaces between scopes', { ...LOGIN, scope: 'read  write' }, AS_WEB, 400, 'invalid_scope'],
  ['a scope of another client', { ...LOGIN, scope: 'write', client_id: 'spa' }, {}, 400, 'invalid_scope'],
  ['no client authentication', LOGIN, {}, 401, 'invalid_client'],
  ['an unknown client', LOGIN, { Authorization: basic('nobody', 'x') }, 401, 'invalid_client'],
  ['a wrong secret', LOGIN, { Authorization: basic('web', 'wrong') }, 401, 'invalid_client'],
  ['an empty secret', LOGIN, { Authorization: basic('web', '') }, 401, 'invalid_client'],
  ['Basic that is no base64', LOGIN, { Authorization: 'Basic !!' }, 401, 'invalid_client'],
  ['Basic without a colon', LOGIN, { Authorization: 'Basic d2Vi' }, 401, 'invalid_client'],
  ['Bearer instead of Basic', LOGIN, { Authorization: 'Bearer abc' }, 401, 'invalid_client'],
  ['a public client by Basic', LOGIN, { Authorization: basic('spa', '') }, 401, 'invalid_client'],
  ['a client of Basic by POST', { ...LOGIN, client_id: 'web', client_secret: 'x' }, {}, 401, 'invalid_client'],
  ['a confidential client without its secret', { ...LOGIN, client_id: 'web' }, {}, 401, 'invalid_client'],
  [
    'a client of POST with an empty secret',
    { ...LOGIN, client_id: 'post', client_secret: '' },
    {},
    401,
    'invalid_client',
  ],
  ['two authentication methods', { ...LOGIN, client_secret: 'x', client_id: 'web' }, AS_WEB, 400, 'invalid_request'],
  ['Basic and another client_id', { ...LOGIN, client_id: 'spa' }, AS_WEB, 400, 'invalid_request'],
  ['a parameter twice', `${new URLSearchParams(LOGIN)}&username=bob`, AS_WEB, 400, 'invalid_request'],
  ['an unknown parameter twice', `${new URLSearchParams(LOGIN)}&x=1&x=2`, AS_WEB, 400, 'invalid_request'],
  ['a bracketed parameter', `${new URLSearchParams(LOGIN)}&a[b]=1`, AS_WEB, 400, 'invalid_request'],
  ['an encoded bracket', `${new URLSearchParams(LOGIN)}&username%5B%5D=bob`, AS_WEB, 400, 'invalid_request'],
  ['a value that is not UTF-8', 'grant_type=password&username=ann&password=%E9', AS_WEB, 400, 'invalid_request'],
  ['JSON', JSON.stringify(LOGIN), { ...AS_WEB, 'Content-Type': 'application/json' }, 400, 'invalid_request'],
  ['multipart', 'x', { ...AS_WEB, 'Content-Type': 'multipart/form-data; boundary=x' }, 400, 'invalid_request'],
  ['an empty type', 'x', { ...AS_WEB, 'Content-Type': '' }, 400, 'invalid_request'],
  ['no refresh_token', { grant_type: 'refresh_token' }, AS_WEB, 400, 'invalid_request'],
  [
    'a refresh token that never was',
    { grant_type: 'refresh_token', refresh_token: 'abc' },
    AS_WEB,
    400,
    'invalid_grant',
  ],
  ['a body over 16 kb', { ...LOGIN, pad: 'x'.repeat(17_000) }, AS_WEB, 413, 'invalid_request'],
];

const ACCEPTED: readonly (readonly [
  sentence: string,
  form: Record<string, string> | string,
  headers: Record<string, string>,
])[] = [
  ['Basic', LOGIN, AS_WEB],
  ['Basic in lower case', LOGIN, { Authorization: BASIC.replace('Basic', 'basic') }],
  ['Basic, with the same client_id in the body', { ...LOGIN, client_id: 'web' }, AS_WEB],
  ['Basic with id and secret raw', LOGIN, { Authorization: basic('odd-id%', 'a%2Bb+c:d') }],
  [
    'Basic with id and secret form-encoded',
    LOGIN,
    { Authorization: basic(encodeURIComponent('odd-id%'), encodeURIComponent('a%2Bb+c:d')) },
  ],
  ['a public client', { ...LOGIN, client_id: 'spa' }, {}],
  ['a public client with an empty secret', { ...LOGIN, client_id: 'spa', client_secret: '' }, {}],
  ['client_secret_post', { ...LOGIN, client_id: 'post', client_secret: 's3cret' }, {}],
  [
    'a charset beside the type',
    LOGIN,
    { ...AS_WEB, 'Content-Type': 'application/x-www-form-urlencoded; charset=UTF-8' },
  ],
  ['the type in another case', LOGIN, { ...AS_WEB, 'Content-Type': 'Application/X-WWW-Form-Urlencoded' }],
  ['an empty scope, which counts as none', { ...LOGIN, scope: '' }, AS_WEB],
  ['parameters that nobody knows', { ...LOGIN, resource: 'x', nonce: 'y' }, AS_WEB],
];

test('a secret is compared with whichever form of it the client has', async (context) => {
  const hash = '$2b$04$7I1gB1VdBD0O8Rj96t6HQuYieoukQyYYOgLP9BAoOIPoU6AhX7oj.';
  const client = (id: string, secret: object) => ({
    id,
    auth: 'client_secret_basic',
    grants: ['password'],
    scopes: ['read'],
    ...secret,
  });
  const clients = [client('plain', { secret: 'rosebud' }), client('hashed', { secret_hash: hash })];
  const gateway = await startGateway(context, { clients });
  for (const id of ['plain', 'hashed']) {
    assert.equal((await requestToken(gateway, LOGIN, { Authorization: basic(id, 'rosebud') })).status, 200, id);
    assert.equal((await requestToken(gateway, LOGIN, { Authorization: basic(id, 'Rosebud') })).status, 401, id);
  }
});

test('who tried Basic is told to use it, others are not', async (context) => {
  const gateway = await startGateway(context);
  const tried = await requestToken(gateway, LOGIN, { Authorization: basic('web', 'wrong') });
  assert.match(tried.headers.get('www-authenticate') ?? '', /^Basic realm=".+"$/);
  const other = await requestToken(gateway, { ...LOGIN, client_id: 'x' }, {});
  assert.equal(other.headers.get('www-authenticate'), null);
});

test('two Authorization headers are refused', async (context) => {
  const gateway = await startGateway(context);
  const headers = `Host: x\r\nAuthorization: ${BASIC}\r\nAuthorization: Bearer x\r\nConnection: close\r\n`;
  const body = new URLSearchParams(LOGIN).toString();
  const type = 'Content-Type: application/x-www-form-urlencoded';
  const request = `POST /token HTTP/1.1\r\n${headers}${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  assert.deepEqual(statuses(await sendRaw(gateway, request)), [400]);
});

test('unknown users, wrong passwords and disabled users get the same answer', async (context) => {
  const gateway = await startGateway(context);
  const bodies = new Set<string>();
  for (const form of [{ username: 'nobody' }, { password: 'wrong' }, { username: 'eve' }, { password: long }]) {
    const { body, headers } = await login(gateway, form);
    const same = [...headers].filter(([name]) => name !== 'x-request-id' && name !== 'date');
    bodies.add(JSON.stringify([body, same]));
  }
  assert.equal(bodies.size, 1);
});

test('every failed login takes min_failure_time', async (context) => {
  const login_limits = { min_failure_time: '300ms', user_and_address: { failures: 1 } };
  const gateway = await startGateway(context, { login_limits });
  const rows = [
    ['of an unknown user', { username: 'nobody' }, 400],
    ['with a wrong password', { password: 'wrong' }, 400],
    ['of a user who is locked by then', {}, 429],
  ] as const;
  for (const [sentence, credentials, status] of rows) {
    const startedAt = performance.now();
    assert.equal((await login(gateway, credentials)).status, status, sentence);
    assert.ok(performance.now() - startedAt >= 299, sentence);
  }
});

test('logins that fail together are told so one after the other, a millisecond apart', async (context) => {
  const login_limits = { min_failure_time: '100ms', user_and_address: { failures: 1 } };
  const gateway = await startGateway(context, { login_limits });
  await login(gateway, { password: 'wrong' });
  const toldAt = await Promise.all(
    Array.from({ length: 100 }, async () => {
      assert.equal((await login(gateway)).status, 429);
      return performance.now();
    }),
  );
  assert.ok(Math.max(...toldAt) - Math.min(...toldAt) > 80);
});

for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
  test(`${method} is answered 405, with POST as what is allowed`, async (context) => {
    const gateway = await startGateway(context);
    const response = await fetch(`${gateway.url}/token`, { method });
    assert.equal(response.status, 405);
    assert.equal(response.headers.get('allow'), 'POST');
    assert.equal(response.headers.get('cache-control'), 'no-store');
  });
}

for (const name of ['username', 'password', 'client_secret', 'client_id', 'refresh_token', 'grant_type']) {
  test(`${name} in the query string is refused, even if all is in the body too`, async (context) => {
    const gateway = await startGateway(context);
    const response = await fetch(`${gateway.url}/token?${name}=x`, {
      method: 'POST',
      headers: { ...AS_WEB, 'Content-Type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(LOGIN).toString(),
    });
    assert.equal(response.status, 400);
    assert.equal(((await response.json()) as { error: string }).error, 'invalid_request');
  });
}

test('a gzipped form is read, one that is over 16 kb when unpacked is not', async (context) => {
  const gateway = await startGateway(context);
  const send = (form: string) =>
    fetch(`${gateway.url}/token`, {
      method: 'POST',
      headers: { ...AS_WEB, 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Encoding': 'gzip' },
      body: gzipSync(form),
    });
  const form = new URLSearchParams(LOGIN).toString();
  assert.equal((await send(form)).status, 200);
  const bomb = await send(`${form}&pad=${'x'.repeat(10_000_000)}`);
  assert.equal(bomb.status, 413);
  assert.equal(((await bomb.json()) as { error: string }).error, 'invalid_request');
});
