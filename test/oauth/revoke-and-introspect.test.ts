import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  BASIC,
  login,
  type RunningGateway,
  redisStore,
  requestToken,
  SECRET_SHA256,
  startGateway,
} from '../support/gateway.ts';

const OTHER = `Basic ${Buffer.from('other:s3cret').toString('base64')}`;
const CLIENTS = [
  {
    id: 'web',
    auth: 'client_secret_basic',
    secret_sha256: SECRET_SHA256,
    grants: ['password', 'refresh_token'],
    scopes: ['read'],
    id_token: true,
  },
  { id: 'other', auth: 'client_secret_basic', secret: 's3cret', grants: ['password'], scopes: ['read'] },
  { id: 'spa', auth: 'none', grants: ['password'], scopes: ['read'] },
];

async function post(gateway: RunningGateway, path: string, form: Record<string, string>, authorization = BASIC) {
  const response = await fetch(gateway.url + path, {
    method: 'POST',
    headers: authorization ? { Authorization: authorization } : {},
    body: new URLSearchParams(form),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  };
}

const refresh = (gateway: RunningGateway, token = '') =>
  requestToken(gateway, { grant_type: 'refresh_token', refresh_token: token });

for (const [name, store] of [
  ['the embedded store', () => ({})],
  ['Redis', redisStore],
] as const) {
  describe(`revocation with ${name}`, () => {
    test("ends the refresh token's family", async (context) => {
      const gateway = await startGateway(context, { store: store(), clients: CLIENTS });
      const first = (await login(gateway)).body.refresh_token ?? '';
      const second = (await refresh(gateway, first)).body.refresh_token ?? '';
      const { status, headers } = await post(gateway, '/revoke', { token: second, token_type_hint: 'refresh_token' });
      assert.equal(status, 200);
      assert.equal(headers.get('cache-control'), 'no-store');
      assert.equal((await refresh(gateway, second)).body.error, 'invalid_grant');
    });

    test("leaves another client's token alone, and does not tell", async (context) => {
      const gateway = await startGateway(context, { store: store(), clients: CLIENTS });
      const { refresh_token = '' } = (await login(gateway)).body;
      assert.equal((await post(gateway, '/revoke', { token: refresh_token }, OTHER)).status, 200);
      assert.equal((await refresh(gateway, refresh_token)).status, 200);
    });
  });
}

test('revocation refuses what it cannot do, and answers unknown tokens as revoked', async (context) => {
  const gateway = await startGateway(context, { clients: CLIENTS });
  const { access_token = '' } = (await login(gateway)).body;
  const rows: [sentence: string, form: Record<string, string>, authorization: string, answer: string][] = [
    ['an unknown token', { token: 'abc' }, BASIC, '200 undefined'],
    ['an access token', { token: access_token }, BASIC, '400 unsupported_token_type'],
    ['no token', {}, BASIC, '400 invalid_request'],
    ['no client', { token: 'abc' }, '', '401 invalid_client'],
  ];
  for (const [sentence, form, authorization, answer] of rows) {
    const { status, body } = await post(gateway, '/revoke', { ...form, x: '' }, authorization);
    assert.equal(`${status} ${body.error}`, answer, sentence);
  }
  assert.equal((await fetch(`${gateway.url}/revoke`)).status, 405);
});

test('introspection tells an authenticated client about an access token, and only about that', async (context) => {
  const gateway = await startGateway(context, { clients: CLIENTS });
  const { access_token = '', refresh_token = '', id_token = '' } = (await login(gateway)).body;
  const { status, body } = await post(gateway, '/introspect', { token: access_token }, OTHER);
  assert.equal(status, 200);
  const { active, client_id, sub, scope, token_type, iss, aud } = body;
  assert.deepEqual(
    { active, client_id, sub, scope, token_type, iss, aud },
    {
      active: true,
      client_id: 'web',
      sub: 'u-1',
      scope: 'read',
      token_type: 'Bearer',
      iss: 'https://gateway.example/auth',
      aud: 'https://api.example',
    },
  );
  for (const token of ['abc', refresh_token, id_token, `${access_token}x`]) {
    assert.deepEqual((await post(gateway, '/introspect', { token })).body, { active: false });
  }
  assert.equal((await post(gateway, '/introspect', { token: access_token, client_id: 'spa' }, '')).status, 401);
  assert.equal((await post(gateway, '/introspect', { token: access_token }, '')).status, 401);
  assert.equal((await post(gateway, '/introspect', { x: '' })).status, 400);
});

test('browsers of cors_origins may call the endpoints, others may not', async (context) => {
  const origin = 'https://app.example';
  const gateway = await startGateway(context, { clients: CLIENTS, endpoints: { cors_origins: [origin] } });
  const preflight = (from: string, method: string) =>
    fetch(`${gateway.url}/token`, {
      method: 'OPTIONS',
      headers: {
        Origin: from,
        'Access-Control-Request-Method': method,
        'Access-Control-Request-Headers': 'authorization',
      },
    });
  const allowed = await preflight(origin, 'POST');
  assert.equal(allowed.status, 204);
  assert.equal(allowed.headers.get('access-control-allow-origin'), origin);
  assert.equal(allowed.headers.get('access-control-allow-methods'), 'POST');
  assert.equal((await preflight(origin, 'DELETE')).status, 405);
  const foreign = await preflight('https://evil.example', 'POST');
  assert.equal(foreign.status, 405);
  assert.equal(foreign.headers.get('access-control-allow-origin'), null);
  const refused = await requestToken(gateway, {}, { Origin: origin });
  assert.equal(refused.status, 401);
  assert.equal(refused.headers.get('access-control-allow-origin'), origin, 'an error can be read too');
  assert.match(refused.headers.get('vary') ?? '', /Origin/);
});
