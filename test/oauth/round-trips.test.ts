import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { Redis } from 'ioredis';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { READ_DENIALS } from '../../src/tokens/revocation-scripts.ts';
import { DpopKey } from '../support/dpop.ts';
import {
  BASIC,
  login,
  PASSWORD,
  postForm,
  redisStore,
  requestToken,
  SECRET_SHA256,
  startGateway,
  startUpstream,
} from '../support/gateway.ts';

/** What each request asks Redis for, as its MONITOR shows it. Each command is a round trip that the request waits for. */

const SECRET = 's3cret';
const { privateKey, publicKey } = await generateKeyPair('ES256');
const client = { auth: 'client_secret_basic', scopes: ['read'], grants: ['password', 'refresh_token'] };
const settings = {
  store: redisStore(),
  clients: [
    { id: 'web', ...client, grants: [...client.grants, 'client_credentials'], secret_sha256: SECRET_SHA256 },
    { id: 'limited', ...client, secret: SECRET, rate_limit: '1000/1s' },
    { id: 'bound', ...client, secret: SECRET, bind_tokens: 'dpop' },
    { id: 'brief', ...client, secret: SECRET, grants: ['password'] },
    {
      id: 'signing',
      ...client,
      auth: 'private_key_jwt',
      jwks: { keys: [await exportJWK(publicKey)] },
      grants: ['client_credentials'],
    },
  ],
  routes: [{ path: '/read', scopes: ['read'], upstream: 'api' }],
};
const upstream = await startUpstream({ after });
const start = () => startGateway({ after }, { ...settings, upstreams: { api: { targets: [upstream.url] } } });
const [gateway, other] = [await start(), await start()];

const basic = (id: string) => `Basic ${Buffer.from(`${id}:${SECRET}`).toString('base64')}`;
const redis = new Redis(String(settings.store.redis));
let monitor: Redis;
let key: DpopKey;
before(async () => {
  [monitor, key] = await Promise.all([redis.monitor(), DpopKey.generate()]);
});
after(() => {
  redis.disconnect();
  monitor.disconnect();
});

/** Asked for by the clock. */
const READ_DENIALS_SHA = createHash('sha1').update(READ_DENIALS.lua).digest('hex');
const KEYS_OF_THE_CLOCK = ['signing-keys'];

/** What kinds of keys `work` has Redis asked for, in order. */
async function askedBy(work: () => Promise<unknown>): Promise<string[]> {
  const commands: string[][] = [];
  const note = (_time: string, command: string[], source: string) => source !== 'lua' && commands.push(command);
  // What was asked before may be told of late, for it comes on a connection of its own.
  await untilToldOf(randomUUID());
  monitor.on('monitor', note);
  await work();
  await untilToldOf(randomUUID());
  monitor.off('monitor', note);
  const ours = commands.filter((command) => !command.includes(READ_DENIALS_SHA));
  const prefix = `${settings.store.key_prefix}:`;
  const keys = ours.flatMap((command) => command.find((word) => word.startsWith(prefix))?.slice(prefix.length) ?? []);
  return keys.map((name) => name.split(':')[0] ?? '').filter((kind) => !KEYS_OF_THE_CLOCK.includes(kind));
}

/** Redis tells of commands in the order in which it ran them, so with this one all others have been told of. */
async function untilToldOf(text: string): Promise<void> {
  const told = new Promise<void>((resolve) => {
    const listen = (_time: string, command: string[]) => {
      if (!command.includes(text)) return;
      monitor.off('monitor', listen);
      resolve();
    };
    monitor.on('monitor', listen);
  });
  await redis.echo(text);
  await told;
}

type Sent = Promise<{ readonly status: number }>;

const LOGIN = { grant_type: 'password', username: 'ann', password: PASSWORD };

async function prove(method: string, url: string, nonce = '', accessToken?: string) {
  return { DPoP: await key.prove({ method, url, nonce, accessToken }) };
}

async function boundLogin() {
  const url = 'https://gateway.example/token';
  const told = await requestToken(gateway, LOGIN, { Authorization: basic('bound'), ...(await prove('POST', url)) });
  const nonce = told.headers.get('dpop-nonce') ?? '';
  const headers = { Authorization: basic('bound'), ...(await prove('POST', url, nonce)) };
  return { nonce, send: () => requestToken(gateway, LOGIN, headers) };
}

async function signedRequest() {
  const client_assertion = await new SignJWT({ jti: randomUUID() })
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer('signing')
    .setSubject('signing')
    .setAudience('https://gateway.example/auth')
    .setExpirationTime('1m')
    .sign(privateKey);
  const client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
  return () => requestToken(gateway, { grant_type: 'client_credentials', client_assertion_type, client_assertion }, {});
}

const refreshing = async (at = gateway, authorization = BASIC) => {
  const { body } = await requestToken(gateway, LOGIN, { Authorization: authorization });
  const form = { grant_type: 'refresh_token', refresh_token: body.refresh_token ?? '' };
  return () => requestToken(at, form, { Authorization: authorization });
};

const sendingToken = (path: string, which: 'access_token' | 'refresh_token') => async () => {
  const token = (await login(gateway)).body[which] ?? '';
  return () => postForm(gateway, path, { token });
};

const ROWS: readonly [sentence: string, prepare: () => Promise<() => Sent>, asked: readonly string[]][] = [
  ['a refresh', () => refreshing(), ['refresh']],
  ['a refresh at another gateway than the login', () => refreshing(other), ['refresh']],
  ['a refresh with a rate limit', () => refreshing(gateway, basic('limited')), ['rate', 'refresh']],
  ['a login', async () => () => login(gateway), ['{login}', '{login}', 'refresh', 'sessions']],
  [
    'a login without refresh tokens',
    async () => () => requestToken(gateway, LOGIN, { Authorization: basic('brief') }),
    ['{login}', '{login}'],
  ],
  [
    'a login with a DPoP proof',
    async () => (await boundLogin()).send,
    ['dpop-proof', '{login}', '{login}', 'refresh', 'sessions'],
  ],
  [
    'client_credentials',
    async () => () => requestToken(gateway, { grant_type: 'client_credentials' }, { Authorization: BASIC }),
    [],
  ],
  ['client_credentials with an assertion', signedRequest, ['client-assertion']],
  ['introspecting an access token', sendingToken('/introspect', 'access_token'), []],
  ['introspecting a refresh token', sendingToken('/introspect', 'refresh_token'), ['refresh']],
  ['revoking an access token', sendingToken('/revoke', 'access_token'), ['revoked-tokens']],
  ['revoking a refresh token', sendingToken('/revoke', 'refresh_token'), ['refresh', 'revoked-tokens', 'refresh']],
  [
    'a proxied request',
    async () => {
      const { access_token } = (await login(gateway)).body;
      return () => fetch(`${gateway.url}/read`, { headers: { Authorization: `Bearer ${access_token}` } });
    },
    [],
  ],
  [
    'a proxied request with a DPoP proof',
    async () => {
      const { nonce, send } = await boundLogin();
      const { access_token = '' } = (await send()).body;
      const proof = await prove('GET', 'https://api.example/read', nonce, access_token);
      const headers = { Authorization: `DPoP ${access_token}`, ...proof };
      return () => fetch(`${gateway.url}/read`, { headers });
    },
    ['dpop-proof'],
  ],
];

describe('round trips to Redis', () => {
  for (const [sentence, prepare, expected] of ROWS) {
    test(`${sentence}: ${expected.length}`, async () => {
      // A script that Redis does not know yet is sent twice, and a secret read once.
      await (await prepare())();
      const send = await prepare();
      const statuses: number[] = [];
      const asked = await askedBy(async () => statuses.push((await send()).status));
      assert.deepEqual([statuses, asked], [[200], expected]);
    });
  }

  test('a refresh token that was sealed with another secret is as good, for one more', async () => {
    await (await refreshing())();
    const send = await refreshing();
    await redis.del(`${settings.store.key_prefix}:secret:refresh-subjects`);
    const later = await start();
    await (await refreshing(later))();
    const sendThere = await refreshing(later);
    const verdicts: number[] = [];
    const refresh = async (sent: Sent) => verdicts.push((await sent).status);
    assert.deepEqual(await askedBy(() => refresh(sendThere())), ['refresh', 'refresh']);
    assert.deepEqual(await askedBy(() => refresh(send())), ['refresh']);
    assert.deepEqual(verdicts, [200, 200]);
  });
});
