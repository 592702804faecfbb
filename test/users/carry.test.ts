import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { after, beforeEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { WebSocket } from 'ws';
import { parse } from 'yaml';
import { explanationOf } from '../../src/commands/explain.ts';
import type { UpstreamRequest } from '../../src/explain/explain.ts';
import {
  type Lifetime,
  login,
  postForm,
  type RunningGateway,
  redisStore,
  requestToken,
  SECRET_SHA256,
  type Settings,
  startGateway,
} from '../support/gateway.ts';
import { type OddAnswer, startLoginApp } from '../support/login-app.ts';
import { PEOPLE } from './user-store.contract.ts';

const app = await startLoginApp(PEOPLE);
after(() => app.stop());
beforeEach(() => {
  app.odd.clear();
  app.sessions.clear();
});

const PASSWORD = PEOPLE.get('johndoe') ?? '';

/** What docs/users.md says of the stores that carry a session, with the application of this test in it. */
const [PORTAL = {}, SHOP = {}] = ['portal', 'shop'].map((name): Record<string, Record<string, object>> => {
  const text = readFileSync('docs/users.md', 'utf8').replaceAll('https://intranet.example.com', app.url);
  return parse(new RegExp(`\`\`\`yaml\n(users:\n  ${name}:[^\`]+)\`\`\``).exec(text)?.[1] ?? '');
});

const [ISSUER, AUDIENCE] = ['https://gateway.example/auth', 'https://api.example'];

const ROUTES = [
  { path: '/home', scopes: ['read'], upstream: 'portal', websocket: true },
  { path: '/public/**', public: true, strip_prefix: '/public', upstream: 'portal' },
  { path: '/plain/**', strip_prefix: '/plain', upstream: 'plain' },
  { path: '/api/home', scopes: ['read'], upstream: 'shop' },
];

/** A gateway before the application, with both kinds of session. */
function settings(changes: { store?: Settings; portal?: object; client?: object } = {}): Settings {
  const signing = { algorithm: 'ES256' };
  const client = { auth: 'client_secret_basic', secret_sha256: SECRET_SHA256, grants: ['password', 'refresh_token'] };
  return {
    store: changes.store ?? {},
    tokens: { issuer: ISSUER, audience: AUDIENCE, signing, claims: { cn: '{user.cn}' } },
    clients: [
      { id: 'web', ...client, scopes: ['read'], id_token: true, refresh: { retry_grace: '0s' }, ...changes.client },
    ],
    users: {
      staff: { type: 'file', path: 'users.yaml' },
      portal: { ...PORTAL.users?.portal, timeout: '5s', ...changes.portal },
      shop: { ...SHOP.users?.shop, timeout: '5s' },
    },
    upstreams: { ...PORTAL.upstreams, ...SHOP.upstreams, plain: { targets: [app.url] } },
    routes: ROUTES,
  };
}

const start = (context: Lifetime, changes: Parameters<typeof settings>[0] = {}) =>
  startGateway(context, settings({ ...changes, client: { users: ['staff', 'portal'], ...changes.client } }));

const shared = await start({ after });
const bare = await start({ after }, { portal: { whoami: undefined, page: undefined } });

const credentials = { username: 'johndoe', password: PASSWORD };
const refresh = (gateway: RunningGateway, refresh_token = '') =>
  requestToken(gateway, { grant_type: 'refresh_token', refresh_token });

async function get(gateway: RunningGateway, path: string, token = '', cookie = '') {
  const headers = { ...(token && { Authorization: `Bearer ${token}` }), ...(cookie && { Cookie: cookie }) };
  const response = await fetch(gateway.url + path, { headers, redirect: 'manual' });
  const text = await response.text();
  return { status: response.status, text, cookies: response.headers.getSetCookie(), headers: response.headers };
}

/** The application's sessions end beside the gateway's answers. */
async function untilEnded(expected = 0): Promise<void> {
  for (let tries = 0; app.sessions.size > expected && tries < 200; tries += 1) await delay(10);
  assert.equal(app.sessions.size, expected);
}

function shown(upstream: UpstreamRequest | undefined, header: string): string[] {
  return (upstream?.headers ?? []).filter(([name]) => name === header).map(([, value]) => value);
}

describe('the session of an application', () => {
  test('goes from the login to the upstream, through refreshes, and ends with the gateway’s', async () => {
    const gateway = shared;
    const granted = (await login(gateway, credentials)).body;
    const { status, text, cookies } = await get(gateway, '/home', granted.access_token, 'a=1; JSESSIONID=evil');
    assert.equal(status, 200);
    assert.deepEqual(JSON.parse(text), { username: 'johndoe', cookie: 'JSESSIONID=its session; a=1' });
    assert.deepEqual(cookies, ['seen=1; Path=/']);

    const refreshed = (await refresh(gateway, granted.refresh_token)).body;
    assert.equal((await get(gateway, '/home', refreshed.access_token)).status, 200);
    assert.equal(app.sessions.size, 1, 'a refresh opens no other session');
    await postForm(gateway, '/revoke', { token: refreshed.refresh_token ?? '' });
    await untilEnded();
    assert.equal((await get(gateway, '/home', refreshed.access_token)).status, 401);
  });

  test('is nobody’s but the user’s, and of those upstreams that ask for it', async () => {
    const gateway = shared;
    const [john, ann] = [await login(gateway, credentials), await login(gateway)];
    const evil = `JSESSIONID=${[...app.sessions.keys()][0]}`;
    assert.equal((await get(gateway, '/plain/home', john.body.access_token)).status, 302);
    assert.equal((await get(gateway, '/home', ann.body.access_token, evil)).status, 302, 'a user of another store');
    assert.equal((await get(gateway, '/public/home', '', evil)).status, 302, 'nobody');
    assert.equal((await get(gateway, '/public/home', john.body.access_token)).status, 302);
  });

  test('may be a token, which is sent instead of the gateway’s own', async (context) => {
    const gateway = await start(context, { client: { users: ['shop'] } });
    const granted = (await login(gateway, credentials)).body;
    const { status, text } = await get(gateway, '/api/home', granted.access_token);
    assert.deepEqual([status, JSON.parse(text)], [200, { username: 'johndoe' }]);
    const refreshed = (await refresh(gateway, granted.refresh_token)).body;
    assert.equal((await get(gateway, '/api/home', refreshed.access_token)).status, 200);
    await refresh(gateway, granted.refresh_token);
    await untilEnded(); // The token came back, so the family has ended.
  });

  test('ends with the access token where there is no refresh token', async (context) => {
    const gateway = await start(context, { client: { grants: ['password'] } });
    const { access_token = '' } = (await login(gateway, credentials)).body;
    assert.equal((await get(gateway, '/home', access_token)).status, 200);
    await postForm(gateway, '/revoke', { token: access_token });
    await untilEnded();
  });

  test('goes with the handshake of a WebSocket', async () => {
    const { access_token } = (await login(shared, credentials)).body;
    const headers = { Authorization: `Bearer ${access_token}`, Cookie: 'JSESSIONID=evil; a=1' };
    const socket = new WebSocket(`${shared.url.replace('http', 'ws')}/home`, { headers });
    // The application speaks no WebSocket; it answers as it does to every request of the session.
    const [, answer] = await once(socket, 'unexpected-response');
    assert.deepEqual([answer.statusCode, answer.headers['set-cookie']], [200, ['seen=1; Path=/']]);
    const told = await json(answer);
    assert.deepEqual(told, { username: 'johndoe', cookie: 'JSESSIONID=its session; a=1' });
  });

  test('is named in an explanation, and not shown', async () => {
    const { access_token = '' } = (await login(shared, credentials)).body;
    const ask = (path: string) =>
      explanationOf('GET', path, join(shared.directory, 'gateway.yaml'), {
        token: access_token,
        header: ['Cookie: a=1'],
      });
    assert.deepEqual(shown((await ask('/home')).upstream, 'Cookie'), ['JSESSIONID=...; a=1']);
    assert.deepEqual(shown((await ask('/api/home')).upstream, 'Authorization'), ['Bearer ...']);
    assert.deepEqual(shown((await ask('/public/home')).upstream, 'Cookie'), ['a=1']);
  });

  test('stays when one of several access tokens is revoked', async () => {
    const gateway = shared;
    const { access_token = '', refresh_token } = (await login(gateway, credentials)).body;
    await postForm(gateway, '/revoke', { token: access_token });
    assert.equal((await refresh(gateway, refresh_token)).status, 200);
    assert.equal(app.sessions.size, 1);
  });

  test('ends when an operator ends the gateway’s', async () => {
    const gateway = shared;
    await login(gateway, credentials);
    await login(gateway, credentials);
    await fetch(`${gateway.adminUrl}/sessions?user=johndoe`, { method: 'DELETE' });
    await untilEnded();
  });

  test('goes on at another gateway on the same store, and at none on another', async (context) => {
    const store = redisStore();
    const [one, other, stranger] = await Promise.all([
      start(context, { store }),
      start(context, { store }),
      start(context),
    ]);
    const granted = (await login(one, credentials)).body;
    assert.equal((await get(other, '/home', granted.access_token)).status, 200);
    const refreshed = (await refresh(other, granted.refresh_token)).body;
    assert.equal((await get(one, '/home', refreshed.access_token)).status, 200);
    assert.equal((await get(stranger, '/home', refreshed.access_token)).status, 401);
    await postForm(one, '/revoke', { token: refreshed.refresh_token ?? '' });
    await untilEnded();
  });

  test('that was sealed with another key is refused with a challenge, where it is needed', async (context) => {
    const directory = (await start(context)).directory;
    const tokens = {
      issuer: ISSUER,
      audience: AUDIENCE,
      signing: { keys_dir: `${directory}/keys`, algorithm: 'ES256' },
    };
    const [before, later] = [
      await startGateway(context, { ...settings(), tokens }),
      await startGateway(context, { ...settings(), tokens }),
    ];
    const { access_token } = (await login(before, credentials)).body;
    const { status, headers } = await get(later, '/home', access_token);
    assert.equal(status, 401);
    assert.match(headers.get('www-authenticate') ?? '', /^Bearer error="invalid_token"/);
    assert.equal((await get(later, '/plain/home', access_token)).status, 302);
  });
});

describe('a refresh asks the application', () => {
  const telling = (body: object): OddAnswer => ({ body: JSON.stringify(body) });
  const OVER = 'invalid_grant';
  const OUT = 'temporarily_unavailable';
  const ANSWERS: readonly [sentence: string, answer: OddAnswer, expected: string | undefined][] = [
    ['401', { status: 401 }, OVER],
    ['403', { status: 403 }, OVER],
    ['a redirect to the login', { status: 302, headers: { Location: '/login?next=/me' } }, OVER],
    ['somebody else', telling({ id: 8 }), OVER],
    ['another redirect', { status: 302, headers: { Location: '/maintenance' } }, OUT],
    ['a failure', { status: 500 }, OUT],
    ['no JSON', { body: '<html>' }, OUT],
    ['another name', telling({ id: 7, profile: { name: 'New' } }), undefined],
  ];
  for (const [sentence, answer, expected] of ANSWERS) {
    test(`which says ${sentence}: ${expected ?? 'new tokens'}`, async () => {
      const gateway = shared;
      const { refresh_token } = (await login(gateway, credentials)).body;
      app.odd.set('/me', answer);
      const { body } = await refresh(gateway, refresh_token);
      assert.equal(body.error, expected);
      if (expected === undefined) assert.deepEqual(decodeJwt(body.access_token ?? '').cn, 'New');
      app.odd.clear();
      const again = await refresh(gateway, expected === undefined ? body.refresh_token : refresh_token);
      assert.equal(again.status, expected === OVER ? 400 : 200);
    });
  }

  test('and where there is no `whoami`, nobody', async (context) => {
    const gateway = await start(context, { portal: { whoami: undefined } });
    const { refresh_token } = (await login(gateway, credentials)).body;
    app.sessions.clear();
    assert.equal((await refresh(gateway, refresh_token)).status, 200);
  });
});

describe('a logout', () => {
  for (const [sentence, answer] of Object.entries<OddAnswer>({
    fails: { status: 500 },
    'is not there': { status: 404 },
  })) {
    test(`that ${sentence} leaves a line in the log, and fails nothing`, async () => {
      const gateway = shared;
      gateway.records.length = 0;
      app.odd.set('/logout', answer);
      const { refresh_token = '' } = (await login(gateway, credentials)).body;
      assert.equal((await postForm(gateway, '/revoke', { token: refresh_token })).status, 200);
      const told = () => gateway.records.filter(({ msg }) => msg === 'session of an application not ended');
      for (let tries = 0; told().length === 0 && tries < 200; tries += 1) await delay(10);
      assert.deepEqual(
        told().map(({ store, cause }) => [store, cause]),
        [['portal', `\`logout\` was answered ${answer.status}`]],
      );
    });
  }
});

describe('what cannot be carried is an outage', () => {
  const session = (value: string): OddAnswer => {
    return { status: 302, headers: { Location: '/home', 'Set-Cookie': `JSESSIONID=${value}; Path=/` } };
  };
  const ANSWERS: readonly [sentence: string, answer: OddAnswer, error: string | undefined][] = [
    ['no session', { status: 302, headers: { Location: '/home' } }, 'temporarily_unavailable'],
    ['a session that is no ASCII', session('\u00fc'), 'temporarily_unavailable'],
    ['a session of 2 kb', session('x'.repeat(2048)), 'temporarily_unavailable'],
    ['a session of less', session('x'.repeat(2000)), undefined],
  ];
  for (const [sentence, answer, error] of ANSWERS) {
    test(`${sentence}: ${error ?? 'accepted'}`, async () => {
      app.odd.set('/login', answer);
      const { body } = await login(bare, credentials);
      assert.equal(body.error, error);
      if (error === undefined) assert.equal((await get(bare, '/home', body.access_token)).status, 302);
    });
  }
});

test('nothing that a client or a log is told has the session in it', async (context) => {
  const gateway = await start(context);
  const told: unknown[] = [];
  const granted = await login(gateway, credentials);
  const [session = ''] = app.sessions.keys();
  const { access_token = '', refresh_token = '', id_token = '' } = granted.body;
  told.push(granted.body, ...[access_token, id_token].map((token) => decodeJwt(token)));
  assert.equal('carry' in decodeJwt(access_token), true);
  assert.equal('carry' in decodeJwt(id_token), false);
  for (const path of ['/home', '/plain/home', '/public/home']) {
    const { text, headers } = await get(gateway, path, access_token);
    told.push(text, [...headers]);
  }
  for (const token of [access_token, refresh_token]) {
    const { body } = await postForm(gateway, '/introspect', { token });
    assert.equal(body.active, true);
    assert.equal('carry' in body, false);
    told.push(body);
  }
  told.push(await (await fetch(`${gateway.adminUrl}/sessions?user=johndoe`)).text());
  app.odd.set('/logout', { status: 500 });
  app.odd.set('/me', { status: 500 });
  told.push((await refresh(gateway, refresh_token)).body);
  await postForm(gateway, '/revoke', { token: refresh_token });
  told.push((await get(gateway, '/home', access_token)).text);
  for (let tries = 0; gateway.records.every(({ msg }) => msg !== 'session of an application not ended'); tries += 1) {
    assert.ok(tries < 200);
    await delay(10);
  }
  told.push(await (await fetch(`${gateway.adminUrl}/metrics`)).text(), gateway.records);
  assert.ok(session.length > 30);
  for (const spelling of [
    session,
    session.slice(0, 20),
    encodeURIComponent(session),
    Buffer.from(session).toString('base64url').slice(0, 40),
  ]) {
    assert.ok(!JSON.stringify(told).includes(spelling), spelling);
  }
});
