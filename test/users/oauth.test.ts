import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';
import { hashSync } from 'bcryptjs';
import { UnsecuredJWT } from 'jose';
import { parse, stringify } from 'yaml';
import { oauthUsers } from '../../src/config/web-user-sections.ts';
import { GatewayError } from '../../src/errors.ts';
import { createGateway, readConfig } from '../../src/gateway.ts';
import { createLog } from '../../src/observe/log.ts';
import { OAuthUserStore } from '../../src/users/oauth.ts';
import { login, SECRET, SECRET_SHA256, startGateway, writeConfiguration } from '../support/gateway.ts';
import { type OddAnswer, startLoginApp } from '../support/login-app.ts';
import { PEOPLE, userStoreContract } from './user-store.contract.ts';
import { TIMEOUT_MS, userStoreOutages } from './user-store.outages.ts';

const PASSWORD = PEOPLE.get('johndoe') ?? '';
const FAILURES = 1_000_000;

/** Another gateway, which has the users. */
const directory = writeConfiguration({
  clients: ['client_secret_basic', 'client_secret_post', 'none'].map((auth) => ({
    id: auth,
    auth,
    ...(auth !== 'none' && { secret_sha256: SECRET_SHA256 }),
    grants: ['password'],
    scopes: ['openid', 'profile'],
    id_token: true,
  })),
  tokens: {
    issuer: 'https://sso.example.com',
    audience: 'https://api.example',
    claims: { realm_access: { roles: '{user.groups}' } },
    id_token_claims: { email: '{user.email}' },
  },
  login_limits: {
    min_failure_time: '0ms',
    user_and_address: { failures: FAILURES },
    user: { failures: FAILURES },
    address: { failures: FAILURES },
    client: { failures: FAILURES },
  },
});
const users = Array.from(PEOPLE, ([username, password]) => {
  const attributes = { sub: `id of ${username}`, email: `${username}@example.com`, groups: ['agents'] };
  return [username, { password_hash: hashSync(password, 4), attributes }];
});
writeFileSync(join(directory, 'users.yaml'), stringify(Object.fromEntries(users)));
const server = await createGateway(
  readConfig(join(directory, 'gateway.yaml')),
  createLog({ level: 'silent', format: 'json' }),
);
const { port } = (await server.listen()).address;
/** Answers as other servers do. */
const stub = await startLoginApp(new Map());
after(() => Promise.all([server.close(), stub.stop()]));
beforeEach(() => stub.odd.clear());

const SETTINGS = {
  token_endpoint: `http://127.0.0.1:${port}/token`,
  client_id: 'client_secret_basic',
  client_secret: SECRET,
  timeout: '5s',
};

function open(settings: object): OAuthUserStore {
  return new OAuthUserStore(oauthUsers.parse({ type: 'oauth', ...settings }), undefined);
}

async function outcome(settings: object, password = PASSWORD): Promise<unknown> {
  try {
    const verdict = await open(settings).verify('johndoe', password);
    return verdict.outcome === 'accepted' ? verdict.user.attributes : verdict.outcome;
  } catch (error) {
    assert.ok(error instanceof GatewayError, String(error));
    return 'outage';
  }
}

userStoreContract('another OAuth server', async () => open(SETTINGS), { isBlind: true });
userStoreOutages(
  'another OAuth server',
  () => port,
  async (faulty) => {
    const bounds = { timeout: `${TIMEOUT_MS}ms`, concurrency: 4 };
    return open({ ...SETTINGS, ...bounds, token_endpoint: `http://127.0.0.1:${faulty}/token` });
  },
  false,
);

describe('users of another OAuth server', () => {
  const accepted = { sub: 'johndoe', username: 'johndoe' };
  const LOGINS: readonly [sentence: string, changes: object, expected: unknown][] = [
    ['client_secret_basic', {}, accepted],
    ['client_secret_post', { client_id: 'client_secret_post', auth: 'client_secret_post' }, accepted],
    ['a client without a secret', { client_id: 'none', auth: 'none', client_secret: undefined }, accepted],
    ['a wrong secret', { client_secret: 'wrong' }, 'outage'],
    ['the wrong method', { auth: 'client_secret_post' }, 'outage'],
    ['a scope', { scope: 'openid profile' }, accepted],
    ['a scope that it does not have', { scope: 'admin' }, 'outage'],
    ['a path that it does not have', { token_endpoint: `http://127.0.0.1:${port}/tokens` }, 'outage'],
    [
      'attributes of its tokens',
      {
        attributes: {
          sub: 'id_token.sub',
          email: 'id_token.email',
          groups: 'access_token.realm_access.roles',
          cn: 'id_token.cn',
        },
      },
      { sub: 'id of johndoe', username: 'johndoe', email: 'johndoe@example.com', groups: ['agents'] },
    ],
    ['a `sub` that its tokens do not have', { attributes: { sub: 'id_token.uid' } }, 'outage'],
  ];
  for (const [sentence, changes, expected] of LOGINS) {
    test(`${sentence}: ${typeof expected === 'string' ? expected : 'accepted'}`, async () => {
      assert.deepEqual(await outcome({ ...SETTINGS, ...changes }), expected);
    });
  }

  const json = (status: number, body: object): OddAnswer => ({ status, body: JSON.stringify(body) });
  const id_token = new UnsecuredJWT({ sub: 'f:1' }).encode();
  const ANSWERS: readonly [sentence: string, answer: OddAnswer, expected: unknown][] = [
    ['invalid_grant', json(400, { error: 'invalid_grant', error_description: 'Account disabled' }), 'rejected'],
    ['invalid_grant with 401, as of Keycloak', json(401, { error: 'invalid_grant' }), 'rejected'],
    ['invalid_grant with 429, for a user who is locked', json(429, { error: 'invalid_grant' }), 'outage'],
    ['invalid_client', json(401, { error: 'invalid_client' }), 'outage'],
    ['unauthorized_client', json(400, { error: 'unauthorized_client' }), 'outage'],
    ['a refusal that is no JSON', { status: 400, body: 'invalid_grant' }, 'outage'],
    ['a redirect', { status: 302, headers: { Location: '/login' } }, 'outage'],
    ['a failure', { status: 500 }, 'outage'],
    ['200 without a token', json(200, { token_type: 'Bearer' }), 'outage'],
    ['200 with a token of another type', json(200, { access_token: 7 }), 'outage'],
    ['200 with an error', json(200, { error: 'invalid_grant' }), 'outage'],
    ['an opaque token', json(200, { access_token: 'opaque' }), accepted],
  ];
  for (const [sentence, answer, expected] of ANSWERS) {
    test(`${sentence}: ${typeof expected === 'string' ? expected : 'accepted'}`, async () => {
      stub.odd.set('/token', answer);
      assert.deepEqual(await outcome({ ...SETTINGS, token_endpoint: `${stub.url}/token` }), expected);
    });
  }

  const USERINFO: readonly [sentence: string, token: object, userinfo: OddAnswer, expected: unknown][] = [
    [
      'of the same user',
      { id_token },
      json(200, { sub: 'f:1', name: 'John' }),
      { sub: 'f:1', username: 'johndoe', cn: 'John' },
    ],
    ['without an ID token', {}, json(200, { sub: 'f:2' }), { sub: 'f:2', username: 'johndoe' }],
    ['of somebody else', { id_token }, json(200, { sub: 'f:2', name: 'Jane' }), 'outage'],
    ['that is refused', { id_token }, json(403, { sub: 'f:1' }), 'outage'],
    ['that is no JSON', {}, { body: 'a.b.c' }, 'outage'],
  ];
  for (const [sentence, token, userinfo, expected] of USERINFO) {
    test(`userinfo ${sentence}: ${typeof expected === 'string' ? expected : 'accepted'}`, async () => {
      stub.odd.set('/token', json(200, { access_token: 'opaque', ...token }));
      stub.odd.set('/userinfo', userinfo);
      const endpoints = { token_endpoint: `${stub.url}/token`, userinfo_endpoint: `${stub.url}/userinfo` };
      const attributes = { sub: 'userinfo.sub', cn: 'userinfo.name' };
      assert.deepEqual(await outcome({ ...SETTINGS, ...endpoints, attributes }), expected);
    });
  }

  test('a gateway logs in with the configuration of the documentation', async (context) => {
    process.env.SSO_CLIENT_SECRET = SECRET;
    const [, block = ''] = /```yaml\n([^`]+type: oauth[^`]+)```/.exec(readFileSync('docs/users.md', 'utf8')) ?? [];
    const { sso } = parse(block).users;
    const there = { token_endpoint: SETTINGS.token_endpoint, client_id: SETTINGS.client_id, timeout: '5s' };
    const gateway = await startGateway(context, { users: { sso: { ...sso, ...there } } });
    const granted = await login(gateway, { username: 'johndoe', password: PASSWORD });
    const claims = JSON.parse(Buffer.from(granted.body.access_token?.split('.')[1] ?? '', 'base64url').toString());
    assert.deepEqual([claims.sub, claims.roles], ['id of johndoe', ['agents']]);
    const refused = await login(gateway, { username: 'johndoe', password: 'wrong' });
    assert.equal(refused.body.error, 'invalid_grant');
    assert.doesNotMatch(JSON.stringify(gateway.records), new RegExp(`${PASSWORD}|${SECRET}`));
  });
});
