import assert from 'node:assert/strict';
import { before, describe, type TestContext, test } from 'node:test';
import { decodeJwt } from 'jose';
import { DpopKey } from '../support/dpop.ts';
import {
  BASIC,
  type RunningGateway,
  redisStore,
  requestToken,
  SECRET_SHA256,
  type Settings,
  startGateway,
  startUpstream,
} from '../support/gateway.ts';

/** What callers know the gateway by, as the test's configuration has it in `tokens`. */
const TOKEN_URL = 'https://gateway.example/token';
const API_URL = 'https://api.example/orders';

const CLIENT = { bind_tokens: 'dpop', grants: ['password', 'refresh_token'], scopes: ['read', 'write'] };
const CLIENTS = [
  { id: 'web', auth: 'client_secret_basic', secret_sha256: SECRET_SHA256, ...CLIENT },
  { id: 'app', auth: 'none', ...CLIENT },
  { id: 'plain', auth: 'none', grants: ['password'], scopes: ['read'] },
];

let key: DpopKey;
let other: DpopKey;
before(async () => {
  [key, other] = await Promise.all([DpopKey.generate(), DpopKey.generate()]);
});

async function start(context: TestContext, settings: Settings = {}) {
  const upstream = await startUpstream(context);
  const gateway = await startGateway(context, {
    clients: CLIENTS,
    upstreams: { api: { targets: [upstream.url] } },
    routes: [
      { path: '/orders', scopes: ['read'], upstream: 'api' },
      { path: '/admin', scopes: ['admin'], upstream: 'api' },
    ],
    ...settings,
  });
  return { gateway, upstream };
}

/** The nonce that a first try is told. */
async function nonceOf(gateway: RunningGateway): Promise<string> {
  const proof = await key.prove({ method: 'POST', url: TOKEN_URL });
  const { status, headers, body } = await requestToken(
    gateway,
    { grant_type: 'password' },
    { Authorization: BASIC, DPoP: proof },
  );
  assert.deepEqual([status, body.error], [400, 'use_dpop_nonce']);
  return headers.get('dpop-nonce') ?? '';
}

async function ask(gateway: RunningGateway, form: Record<string, string>, nonce: string, by = key) {
  const headers: Record<string, string> = form.client_id ? {} : { Authorization: BASIC };
  return requestToken(gateway, form, { ...headers, DPoP: await by.prove({ method: 'POST', url: TOKEN_URL, nonce }) });
}

const LOGIN = { grant_type: 'password', username: 'ann', password: 'correct horse' };

describe('the token endpoint binds tokens to the key of the proof', () => {
  test('with the nonce that it told, and tells the next one', async (context) => {
    const { gateway } = await start(context);
    const { status, headers, body } = await ask(gateway, LOGIN, await nonceOf(gateway));
    assert.equal(status, 200);
    assert.equal(body.token_type, 'DPoP');
    assert.ok(headers.get('dpop-nonce'));
    assert.deepEqual(decodeJwt(body.access_token ?? '').cnf, { jkt: key.thumbprint });
  });

  test('and refuses every other proof', async (context) => {
    const { gateway } = await start(context);
    const nonce = await nonceOf(gateway);
    const request = { method: 'POST', url: TOKEN_URL, nonce };
    const used = await key.prove(request);
    const post = (headers: Record<string, string>) =>
      requestToken(gateway, LOGIN, { Authorization: BASIC, ...headers });
    assert.equal((await post({ DPoP: used })).status, 200);
    const rows: [sentence: string, proof: string | undefined, error: string][] = [
      ['none', undefined, 'invalid_dpop_proof'],
      ['no JWT', 'abc', 'invalid_dpop_proof'],
      ['one that was used', used, 'invalid_dpop_proof'],
      ['one for another method', await key.prove({ ...request, method: 'GET' }), 'invalid_dpop_proof'],
      ['one for another URL', await key.prove({ ...request, url: API_URL }), 'invalid_dpop_proof'],
      [
        'one for the address behind the name',
        await key.prove({ ...request, url: `${gateway.url}/token` }),
        'invalid_dpop_proof',
      ],
      ['an old one', await key.prove(request, { iat: Math.floor(Date.now() / 1000) - 1000 }), 'invalid_dpop_proof'],
      ['one with a nonce of its own', await key.prove({ ...request, nonce: 'mine' }), 'use_dpop_nonce'],
    ];
    for (const [sentence, proof, error] of rows) {
      const answer = await post(proof === undefined ? {} : { DPoP: proof });
      assert.deepEqual([answer.status, answer.body.error], [400, error], sentence);
    }
  });

  test('sixteen parallel uses of one proof give one success, on two gateways', async (context) => {
    const store = redisStore();
    const [one, two] = await Promise.all([start(context, { store }), start(context, { store })]);
    const nonce = await nonceOf(one.gateway);
    const proof = await key.prove({ method: 'POST', url: TOKEN_URL, nonce });
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_, index) =>
        requestToken((index % 2 ? one : two).gateway, LOGIN, { Authorization: BASIC, DPoP: proof }),
      ),
    );
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
  });

  test('a public client refreshes with the key of its login only, one that authenticates with any', async (context) => {
    const { gateway } = await start(context);
    const nonce = await nonceOf(gateway);
    for (const [client, withOther] of [
      ['app', 400],
      ['', 200],
    ] as const) {
      const id: Record<string, string> = client ? { client_id: client } : {};
      const first = await ask(gateway, { ...LOGIN, ...id }, nonce);
      const refresh = (by: DpopKey, token: string) =>
        ask(gateway, { grant_type: 'refresh_token', refresh_token: token, ...id }, nonce, by);
      assert.equal((await refresh(other, first.body.refresh_token ?? '')).status, withOther, client);
      if (withOther === 400) assert.equal((await refresh(key, first.body.refresh_token ?? '')).status, 200, client);
    }
  });

  test('revocation needs no proof', async (context) => {
    const { gateway } = await start(context);
    const nonce = await nonceOf(gateway);
    const { body } = await ask(gateway, { ...LOGIN, client_id: 'app' }, nonce);
    const form = new URLSearchParams({ client_id: 'app', token: body.refresh_token ?? '' });
    assert.equal((await fetch(`${gateway.url}/revoke`, { method: 'POST', body: form })).status, 200);
    const again = { grant_type: 'refresh_token', refresh_token: body.refresh_token ?? '', client_id: 'app' };
    assert.equal((await ask(gateway, again, nonce)).body.error, 'invalid_grant');
  });

  test('introspection and metadata tell of it', async (context) => {
    const { gateway } = await start(context);
    const { body } = await ask(gateway, LOGIN, await nonceOf(gateway));
    const form = new URLSearchParams({ token: body.access_token ?? '' });
    const told = await fetch(`${gateway.url}/introspect`, {
      method: 'POST',
      body: form,
      headers: { Authorization: BASIC },
    });
    const { active, token_type, cnf } = (await told.json()) as Record<string, unknown>;
    assert.deepEqual({ active, token_type, cnf }, { active: true, token_type: 'DPoP', cnf: { jkt: key.thumbprint } });
    const metadata = await (await fetch(`${gateway.url}/.well-known/oauth-authorization-server`)).json();
    assert.ok((metadata as Record<string, string[]>).dpop_signing_alg_values_supported?.includes('ES256'));
  });
});

describe('the guard takes a bound token with its proof only', () => {
  test('each refusal with its challenge, and nothing reaches the upstream', async (context) => {
    const { gateway, upstream } = await start(context);
    const nonce = await nonceOf(gateway);
    const accessToken = (await ask(gateway, LOGIN, nonce)).body.access_token ?? '';
    const unbound = (await requestToken(gateway, { ...LOGIN, client_id: 'plain' }, {})).body.access_token ?? '';
    const request = { method: 'GET', url: API_URL, nonce, accessToken };
    const used = await key.prove(request);
    const get = (headers: Record<string, string>, path = '/orders') => fetch(gateway.url + path, { headers });
    assert.equal((await get({ Authorization: `DPoP ${accessToken}`, DPoP: used })).status, 200);

    const bound = `DPoP ${accessToken}`;
    const rows: [sentence: string, authorization: string, proof: string | undefined, status: number, error: string][] =
      [
        ['as a bearer token', `Bearer ${accessToken}`, undefined, 401, 'Bearer error="invalid_token"'],
        [
          'as a bearer token with a proof',
          `Bearer ${accessToken}`,
          await key.prove(request),
          401,
          'Bearer error="invalid_token"',
        ],
        ['no proof', bound, undefined, 401, 'DPoP error="invalid_dpop_proof"'],
        ['a used proof', bound, used, 401, 'DPoP error="invalid_dpop_proof"'],
        ['no nonce', bound, await key.prove({ ...request, nonce: undefined }), 401, 'DPoP error="use_dpop_nonce"'],
        ["another key's", bound, await other.prove(request), 401, 'DPoP error="invalid_token"'],
        [
          'for another method',
          bound,
          await key.prove({ ...request, method: 'POST' }),
          401,
          'DPoP error="invalid_dpop_proof"',
        ],
        [
          'for another path',
          bound,
          await key.prove({ ...request, url: 'https://api.example/x' }),
          401,
          'DPoP error="invalid_dpop_proof"',
        ],
        [
          'for another host',
          bound,
          await key.prove({ ...request, url: 'https://evil.example/orders' }),
          401,
          'DPoP error="invalid_dpop_proof"',
        ],
        [
          'for another token',
          bound,
          await key.prove({ ...request, accessToken: unbound }),
          401,
          'DPoP error="invalid_dpop_proof"',
        ],
        [
          'a token that is not bound',
          `DPoP ${unbound}`,
          await key.prove({ ...request, accessToken: unbound }),
          401,
          'DPoP error="invalid_token"',
        ],
        [
          'a token that is none',
          'DPoP abc',
          await key.prove({ ...request, accessToken: 'abc' }),
          401,
          'DPoP error="invalid_token"',
        ],
      ];
    for (const [sentence, authorization, proof, status, error] of rows) {
      const response = await get({ Authorization: authorization, ...(proof && { DPoP: proof }) });
      assert.equal(response.status, status, sentence);
      assert.ok(response.headers.get('www-authenticate')?.startsWith(error), sentence);
      assert.equal(response.headers.has('dpop-nonce'), error.includes('nonce'), sentence);
    }
    const forAdmin = await key.prove({ ...request, url: 'https://api.example/admin' });
    const denied = await get({ Authorization: bound, DPoP: forAdmin }, '/admin');
    assert.equal(denied.status, 403);
    assert.match(denied.headers.get('www-authenticate') ?? '', /^DPoP error="insufficient_scope", scope="admin"/);
    assert.equal(upstream.seen.length, 1);
  });

  test('by any name that the configuration has for the gateway, and in any spelling of the path', async (context) => {
    const { gateway } = await start(context);
    const nonce = await nonceOf(gateway);
    const accessToken = (await ask(gateway, LOGIN, nonce)).body.access_token ?? '';
    for (const url of [
      'https://gateway.example/orders',
      'https://api.example:443/orders?page=2',
      'https://api.example/%6frders',
    ]) {
      const proof = await key.prove({ method: 'GET', url, nonce, accessToken });
      const response = await fetch(`${gateway.url}/orders?page=2`, {
        headers: { Authorization: `DPoP ${accessToken}`, DPoP: proof },
      });
      assert.equal(response.status, 200, url);
    }
  });
});
