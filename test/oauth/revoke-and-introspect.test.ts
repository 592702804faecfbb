import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  login,
  postForm,
  type RunningGateway,
  redisStore,
  requestToken,
  SECRET_SHA256,
  startGateway,
  startUpstream,
} from '../support/gateway.ts';
import { startRedis } from '../support/redis.ts';

const OTHER = `Basic ${Buffer.from('other:s3cret').toString('base64')}`;
const CLIENTS = [
  {
    id: 'web',
    auth: 'client_secret_basic',
    secret_sha256: SECRET_SHA256,
    grants: ['password', 'refresh_token'],
    scopes: ['read'],
    id_token: true,
    refresh: { retry_grace: '0s' },
  },
  { id: 'other', auth: 'client_secret_basic', secret: 's3cret', grants: ['password'], scopes: ['read'] },
  { id: 'spa', auth: 'none', grants: ['password'], scopes: ['read'] },
];

/** A gateway with one route, which an access token opens. */
async function start(context: TestContext, store: object = {}): Promise<RunningGateway> {
  const upstream = await startUpstream(context);
  return startGateway(context, {
    store,
    clients: CLIENTS,
    upstreams: { api: { targets: [upstream.url] } },
    routes: [{ path: '/read', scopes: ['read'], upstream: 'api' }],
  });
}

async function read(gateway: RunningGateway, token = ''): Promise<number> {
  return (await fetch(`${gateway.url}/read`, { headers: { Authorization: `Bearer ${token}` } })).status;
}

const revoke = (gateway: RunningGateway, token = '', authorization?: string) =>
  postForm(gateway, '/revoke', { token }, authorization);

const introspect = async (gateway: RunningGateway, token = '', authorization?: string) =>
  (await postForm(gateway, '/introspect', { token }, authorization)).body;

const refresh = (gateway: RunningGateway, token = '') =>
  requestToken(gateway, { grant_type: 'refresh_token', refresh_token: token });

for (const [name, store] of [
  ['the embedded store', () => ({})],
  ['Redis', redisStore],
] as const) {
  describe(`revocation with ${name}`, () => {
    test('of a refresh token ends its family and the access tokens that came from it', async (context) => {
      const gateway = await start(context, store());
      const first = (await login(gateway)).body;
      const second = (await refresh(gateway, first.refresh_token)).body;
      const another = (await login(gateway)).body;
      const { status, headers } = await revoke(gateway, second.refresh_token);
      assert.equal(status, 200);
      assert.equal(headers.get('cache-control'), 'no-store');
      assert.equal((await refresh(gateway, second.refresh_token)).body.error, 'invalid_grant');
      assert.deepEqual([await read(gateway, first.access_token), await read(gateway, second.access_token)], [401, 401]);
      assert.equal(await read(gateway, another.access_token), 200, "another login's token");
    });

    test('of an access token ends that one, even if it was accepted before', async (context) => {
      const gateway = await start(context, store());
      const { access_token, refresh_token } = (await login(gateway)).body;
      assert.equal(await read(gateway, access_token), 200);
      assert.equal((await revoke(gateway, access_token)).status, 200);
      assert.equal(await read(gateway, access_token), 401);
      assert.deepEqual(await introspect(gateway, access_token), { active: false });
      const next = await refresh(gateway, refresh_token);
      assert.equal(await read(gateway, next.body.access_token), 200);
      assert.equal((await revoke(gateway, access_token)).status, 200, 'again');
    });

    test("leaves another client's tokens alone, and does not tell", async (context) => {
      const gateway = await start(context, store());
      const { access_token, refresh_token } = (await login(gateway)).body;
      assert.equal((await revoke(gateway, access_token, OTHER)).status, 200);
      assert.equal((await revoke(gateway, refresh_token, OTHER)).status, 200);
      assert.equal(await read(gateway, access_token), 200);
      assert.equal((await refresh(gateway, refresh_token)).status, 200);
    });

    test('a refresh token that comes back ends the access tokens of its family too', async (context) => {
      const gateway = await start(context, store());
      const first = (await login(gateway)).body;
      const second = (await refresh(gateway, first.refresh_token)).body;
      assert.equal((await refresh(gateway, first.refresh_token)).body.error, 'invalid_grant');
      assert.deepEqual([await read(gateway, first.access_token), await read(gateway, second.access_token)], [401, 401]);
    });

    test('introspection tells a client about its own present refresh token, and changes nothing', async (context) => {
      const gateway = await start(context, store());
      const first = (await login(gateway)).body.refresh_token;
      const { iat, exp, ...told } = await introspect(gateway, first);
      assert.deepEqual(told, { active: true, client_id: 'web', sub: 'u-1', username: 'ann', scope: 'read' });
      assert.ok(Math.abs(Number(iat) - Date.now() / 1000) < 5);
      assert.equal(Math.round((Number(exp) - Number(iat)) / 86_400), 14);
      assert.deepEqual(await introspect(gateway, first, OTHER), { active: false });
      const second = (await refresh(gateway, first)).body.refresh_token;
      assert.deepEqual(await introspect(gateway, first), { active: false }, 'it was used');
      assert.equal((await introspect(gateway, second)).active, true);
      await revoke(gateway, second);
      assert.deepEqual(await introspect(gateway, second), { active: false });
    });
  });
}

describe('two gateways on one Redis', () => {
  const within = async (ms: number, isTrue: () => Promise<boolean>) => {
    for (const endsAt = performance.now() + ms; performance.now() < endsAt; await delay(50)) {
      if (await isTrue()) return true;
    }
    return false;
  };

  test('what is revoked at one is refused at the other within a second', async (context) => {
    const store = redisStore();
    const [one, other] = await Promise.all([start(context, store), start(context, store)]);
    const [alone, family] = [(await login(one)).body, (await login(one)).body];
    for (const [token, revoked] of [
      [alone.access_token, alone.access_token],
      [family.access_token, family.refresh_token],
    ]) {
      assert.equal(await read(other, token), 200);
      await revoke(one, revoked);
      assert.equal(await read(one, token), 401);
      assert.ok(await within(1000, async () => (await read(other, token)) === 401));
    }
    const later = await start(context, store);
    assert.equal(await read(later, alone.access_token), 401, 'one that starts later knows it from the start');
  });

  test('with Redis out revoking is 503, denials stay, and what is revoked after it is learned', async (context) => {
    const redis = await startRedis();
    const keys = { keys_dir: 'keys' };
    const gateway = await startGateway(context, {
      store: { redis: redis.url },
      clients: CLIENTS,
      tokens: { issuer: 'https://gateway.example/auth', audience: 'https://api.example', signing: keys },
    });
    const [denied, good] = [(await login(gateway)).body.access_token, (await login(gateway)).body.access_token];
    await revoke(gateway, denied);
    await redis.stop();
    const { status, body } = await revoke(gateway, good);
    assert.equal(`${status} ${body.error}`, '503 temporarily_unavailable');
    assert.deepEqual(await introspect(gateway, denied), { active: false });
    assert.equal((await introspect(gateway, good)).active, true);
    const again = await startRedis(redis.port);
    context.after(again.stop);
    assert.ok(await within(3000, async () => (await revoke(gateway, good)).status === 200));
    assert.deepEqual(await introspect(gateway, good), { active: false });
  });
});

test('revocation refuses what it cannot do, and answers unknown tokens as revoked', async (context) => {
  const gateway = await start(context);
  const { access_token = '', id_token = '' } = (await login(gateway)).body;
  const rows: [sentence: string, form: Record<string, string>, authorization: string | undefined, answer: string][] = [
    ['an unknown token', { token: 'abc' }, undefined, '200 undefined'],
    ['a token that only looks like one', { token: 'a.b.c' }, undefined, '200 undefined'],
    ['a forged access token', { token: `${access_token}x` }, undefined, '200 undefined'],
    ['an ID token', { token: id_token }, undefined, '200 undefined'],
    ['a wrong hint', { token: 'abc', token_type_hint: 'access_token' }, undefined, '200 undefined'],
    ['no token', {}, undefined, '400 invalid_request'],
    ['no client', { token: 'abc' }, '', '401 invalid_client'],
  ];
  for (const [sentence, form, authorization, answer] of rows) {
    const { status, body } = await postForm(gateway, '/revoke', { ...form, x: '' }, authorization);
    assert.equal(`${status} ${body.error}`, answer, sentence);
  }
  assert.equal(await read(gateway, access_token), 200);
  assert.equal((await fetch(`${gateway.url}/revoke`)).status, 405);
});

test('introspection tells an authenticated client about any access token', async (context) => {
  const gateway = await start(context);
  const { access_token = '', id_token = '' } = (await login(gateway)).body;
  const { active, client_id, sub, scope, token_type, iss, aud } = await introspect(gateway, access_token, OTHER);
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
  for (const token of ['abc', id_token, `${access_token}x`]) {
    assert.deepEqual(await introspect(gateway, token), { active: false });
  }
  const status = async (form: Record<string, string>, authorization?: string) =>
    (await postForm(gateway, '/introspect', { ...form, x: '' }, authorization)).status;
  assert.equal(await status({ token: access_token, client_id: 'spa' }, ''), 401);
  assert.equal(await status({ token: access_token }, ''), 401);
  assert.equal(await status({}), 400);
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
