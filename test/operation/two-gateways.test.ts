import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { decodeProtectedHeader, exportJWK, generateKeyPair, SignJWT } from 'jose';
import {
  login,
  PASSWORD,
  postForm,
  redisStore,
  requestToken,
  SECRET_SHA256,
  type Settings,
  startUpstream,
  type TokenAnswer,
} from '../support/gateway.ts';
import { type ServedGateway, serve } from '../support/serve.ts';

/**
 * Two gateways share a Redis, and one is killed: no draining, no last words. Whatever it has answered before has to hold
 * at the other.
 */

const { privateKey, publicKey } = await generateKeyPair('ES256');
const GRANTS = { grants: ['password', 'refresh_token'], scopes: ['read'] };
const ISSUER = 'https://gateway.example/auth';

async function settingsOf(context: TestContext, refresh: object): Promise<Settings> {
  const upstream = await startUpstream(context);
  return {
    store: redisStore(),
    tokens: { issuer: ISSUER, audience: 'https://api.example', signing: { algorithm: 'ES256' } },
    clients: [
      { id: 'web', auth: 'client_secret_basic', secret_sha256: SECRET_SHA256, ...GRANTS, refresh },
      { id: 'app', auth: 'private_key_jwt', jwks: { keys: [await exportJWK(publicKey)] }, ...GRANTS },
    ],
    upstreams: { api: { targets: [upstream.url] } },
    routes: [{ path: '/read', scopes: ['read'], upstream: 'api' }],
  };
}

async function kill({ process }: ServedGateway): Promise<void> {
  const exited = once(process, 'exit');
  process.kill('SIGKILL');
  await exited;
}

async function read({ url }: ServedGateway, token = ''): Promise<number> {
  return (await fetch(`${url}/read`, { headers: { Authorization: `Bearer ${token}` } })).status;
}

const refresh = (gateway: ServedGateway, token = '') =>
  requestToken(gateway, { grant_type: 'refresh_token', refresh_token: token });

const verdict = async (answered: Promise<TokenAnswer>) => {
  const { status, body } = await answered;
  return status === 200 ? '200' : `${status} ${body.error}`;
};

async function loginWithAssertion() {
  const assertion = await new SignJWT({ jti: 'once' })
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer('app')
    .setSubject('app')
    .setAudience(ISSUER)
    .setExpirationTime('1m')
    .sign(privateKey);
  const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
  const form = { grant_type: 'password', username: 'ann', password: PASSWORD };
  return (gateway: ServedGateway) =>
    verdict(requestToken(gateway, { ...form, client_assertion_type: type, client_assertion: assertion }, {}));
}

test('what one gateway did before it was killed holds at the other, and at one that starts later', async (context) => {
  const settings = await settingsOf(context, { retry_grace: '0s' });
  const [one, other] = await Promise.all([serve(context, settings), serve(context, settings)]);
  const loginOnce = await loginWithAssertion();
  const logins = await Promise.all(Array.from({ length: 4 }, () => login(one)));
  const [kept, ended, denied, used] = logins.map(({ body }) => body);
  const successor = (await refresh(one, used?.refresh_token)).body;
  assert.equal(await loginOnce(one), '200');
  await postForm(one, '/revoke', { token: ended?.refresh_token ?? '' });
  await postForm(one, '/revoke', { token: denied?.access_token ?? '' });
  await kill(one);
  const later = await serve(context, settings);
  await delay(1000); // By then, what was revoked is known everywhere.

  for (const gateway of [other, later]) {
    assert.equal(await read(gateway, kept?.access_token), 200, 'the keys');
    assert.equal(await read(gateway, ended?.access_token), 401, 'a revoked family');
    assert.equal(await read(gateway, denied?.access_token), 401, 'a revoked access token');
    assert.equal(await verdict(refresh(gateway, ended?.refresh_token)), '400 invalid_grant', 'a revoked refresh token');
    assert.equal(await loginOnce(gateway), '401 invalid_client', 'an assertion that was used');
  }
  const [before = '', after = ''] = [kept?.access_token, (await login(later)).body.access_token];
  assert.equal(decodeProtectedHeader(before).kid, decodeProtectedHeader(after).kid, 'no key was made anew');

  const next = await refresh(other, kept?.refresh_token);
  assert.equal(next.status, 200, 'a session goes on at the other');
  assert.equal(await verdict(refresh(later, next.body.refresh_token)), '200', 'and at the next');
  assert.equal(await verdict(refresh(other, used?.refresh_token)), '400 invalid_grant', 'a token that came back');
  assert.equal(await verdict(refresh(later, successor.refresh_token)), '400 invalid_grant', 'has ended its family');
});

test('sessions that refresh while a gateway is killed go on at the other', async (context) => {
  const settings = await settingsOf(context, {});
  const [one, other] = await Promise.all([serve(context, settings), serve(context, settings)]);
  const sessions = await Promise.all(Array.from({ length: 16 }, async () => (await login(one)).body.refresh_token));

  const refreshed = new Set<string | undefined>();
  const lastTokens = Promise.all(
    sessions.map(async (first) => {
      let token = first;
      for (;;) {
        const answer = await refresh(one, token).catch(() => undefined);
        if (answer === undefined) return token; // It is gone, perhaps after it had used the token.
        assert.equal(answer.status, 200);
        token = answer.body.refresh_token;
        refreshed.add(first);
      }
    }),
  );
  for (let tries = 0; refreshed.size < sessions.length && tries < 1000; tries += 1) await delay(10);
  assert.equal(refreshed.size, sessions.length, 'all are in the midst of it');
  await kill(one);

  const goesOn = async (token: string | undefined) => {
    const again = await refresh(other, token);
    assert.equal(again.status, 200);
    assert.equal(await read(other, again.body.access_token), 200);
    assert.equal(await verdict(refresh(other, again.body.refresh_token)), '200');
  };
  await Promise.all((await lastTokens).map(goesOn));
});
