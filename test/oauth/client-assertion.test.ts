import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from 'jose';
import {
  BASIC,
  PASSWORD,
  type RunningGateway,
  redisStore,
  requestToken,
  SECRET_SHA256,
  type Settings,
  startGateway,
} from '../support/gateway.ts';
import { startRedis } from '../support/redis.ts';

const ISSUER = 'https://gateway.example/auth';
const TOKEN_ENDPOINT = 'https://gateway.example/token';
const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const HMAC_SECRET = 'a secret of thirty-two characters';
const LONG_SECRET = HMAC_SECRET.repeat(2);
const LOGIN = { grant_type: 'password', username: 'ann', password: PASSWORD };

interface Pair {
  readonly algorithm: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
}

async function makePair(algorithm: string, kid = algorithm): Promise<Pair> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  return { algorithm, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid } };
}

const SIGNING = ['RS256', 'RS512', 'PS256', 'PS384', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const pairs = new Map(await Promise.all(SIGNING.map(async (name) => [name, await makePair(name)] as const)));
const es256 = pairs.get('ES256') ?? assert.fail();
const rs256 = pairs.get('RS256') ?? assert.fail();
const stranger = await makePair('ES256');

const client = (id: string, more: object) => ({ id, grants: ['password'], scopes: ['read'], ...more });
const signed = (id: string, ...keys: JWK[]) => client(id, { auth: 'private_key_jwt', jwks: { keys } });

const CLIENTS = [
  signed('app', es256.jwk),
  signed('other', stranger.jwk),
  client('hmac', { auth: 'client_secret_jwt', secret: HMAC_SECRET }),
  client('post', { auth: 'client_secret_post', secret: HMAC_SECRET }),
  client('web', { auth: 'client_secret_basic', secret_sha256: SECRET_SHA256 }),
  client('spa', { auth: 'none' }),
  ...[...pairs.values()].map(({ algorithm, jwk }) => signed(`by-${algorithm}`, jwk)),
  client('hmac-512', { auth: 'client_secret_jwt', secret: LONG_SECRET }),
];

const now = () => Math.floor(Date.now() / 1000);

/** The claims of a good assertion of the client `app`; undefined leaves one out. */
const claimsOf = (id = 'app', changes: object = {}) => ({
  iss: id,
  sub: id,
  aud: ISSUER,
  exp: now() + 60,
  iat: now(),
  jti: randomUUID(),
  ...changes,
});

function sign(claims: object, { algorithm, privateKey, jwk }: Pair = es256, header: object = {}): Promise<string> {
  return new SignJWT({ ...claims })
    .setProtectedHeader({ alg: algorithm, kid: jwk.kid ?? '', ...header })
    .sign(privateKey);
}

function hmac(claims: object, alg = 'HS256', secret = HMAC_SECRET): Promise<string> {
  return new SignJWT({ ...claims }).setProtectedHeader({ alg }).sign(new TextEncoder().encode(secret));
}

/** Put together by hand, for what no library signs. */
function unsigned(header: object, claims: object, signature = ''): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  return `${encode(header)}.${encode(claims)}.${signature}`;
}

const form = (assertion: string, more: Record<string, string> = {}) => ({
  ...LOGIN,
  client_assertion_type: JWT_BEARER,
  client_assertion: assertion,
  ...more,
});

async function verdict(gateway: RunningGateway, body: Record<string, string>, headers = {}): Promise<string> {
  const { status, body: answer } = await requestToken(gateway, body, headers);
  return answer.error ? `${status} ${answer.error}` : String(status);
}

const GENEROUS: Settings = { min_failure_time: '0ms', client: { failures: 1000 }, address: { failures: 1000 } };
const start = (context: TestContext, settings: Settings = {}) =>
  startGateway(context, { clients: CLIENTS, login_limits: GENEROUS, ...settings });

describe('a client assertion is accepted', () => {
  const rows: [sentence: string, make: () => Promise<Record<string, string>>][] = [
    ['with the issuer as aud', async () => form(await sign(claimsOf()))],
    ['with the token endpoint as aud', async () => form(await sign(claimsOf('app', { aud: TOKEN_ENDPOINT })))],
    ['with the same client_id in the body', async () => form(await sign(claimsOf()), { client_id: 'app' })],
    ['without kid', async () => form(await sign(claimsOf(), es256, { kid: undefined }))],
    ['without iat', async () => form(await sign(claimsOf('app', { iat: undefined })))],
    ['five minutes ahead', async () => form(await sign(claimsOf('app', { exp: now() + 300 })))],
    ['that expired nine seconds ago', async () => form(await sign(claimsOf('app', { exp: now() - 8 })))],
    [
      'of a clock that is nine seconds ahead',
      async () => form(await sign(claimsOf('app', { iat: now() + 8, nbf: now() + 8 }))),
    ],
    ['with claims that nobody knows', async () => form(await sign(claimsOf('app', { nonce: 'x' })))],
    ['by HMAC', async () => form(await hmac(claimsOf('hmac')))],
    ['by HS384', async () => form(await hmac(claimsOf('hmac-512'), 'HS384', LONG_SECRET))],
    ['by HS512', async () => form(await hmac(claimsOf('hmac-512'), 'HS512', LONG_SECRET))],
    ...[...pairs.values()].map((pair): [string, () => Promise<Record<string, string>>] => [
      `by ${pair.algorithm}`,
      async () => form(await sign(claimsOf(`by-${pair.algorithm}`), pair)),
    ]),
  ];
  for (const [name, store] of [
    ['the embedded store', {}],
    ['Redis', redisStore()],
  ] as const) {
    test(`on ${name}`, async (context) => {
      const gateway = await start(context, { store });
      for (const [sentence, make] of rows) assert.equal(await verdict(gateway, await make()), '200', sentence);
    });
  }
});

const INVALID_CLIENT = '401 invalid_client';
const INVALID_REQUEST = '400 invalid_request';

describe('a client assertion is refused', () => {
  const changed = async (changes: object) => form(await sign(claimsOf('app', changes)));
  const without = (claim: string) => changed({ [claim]: undefined });
  const rows: [sentence: string, make: () => Promise<Record<string, string>>, expected: string][] = [
    ['signed by another key', async () => form(await sign(claimsOf(), stranger)), INVALID_CLIENT],
    ['with an unknown kid', async () => form(await sign(claimsOf(), es256, { kid: 'x' })), INVALID_CLIENT],
    ['of another client', async () => form(await sign(claimsOf('other'), es256)), INVALID_CLIENT],
    ['of a client that does not exist', async () => form(await sign(claimsOf('nobody'))), INVALID_CLIENT],
    ['of a client that does not exist, by HMAC', async () => form(await hmac(claimsOf('nobody'))), INVALID_CLIENT],
    ['with another iss', () => changed({ iss: 'other' }), INVALID_CLIENT],
    ['with another sub', () => changed({ sub: 'other' }), INVALID_CLIENT],
    ['with a sub that is a number', () => changed({ sub: 7 }), INVALID_CLIENT],
    ['without iss', () => without('iss'), INVALID_CLIENT],
    ['without sub', () => without('sub'), INVALID_CLIENT],
    ['without aud', () => without('aud'), INVALID_CLIENT],
    ['without exp', () => without('exp'), INVALID_CLIENT],
    ['without jti', () => without('jti'), INVALID_CLIENT],
    ['with another aud', () => changed({ aud: 'https://other.example' }), INVALID_CLIENT],
    ['with the aud of access tokens', () => changed({ aud: 'https://api.example' }), INVALID_CLIENT],
    ['with a slash at the end of aud', () => changed({ aud: `${ISSUER}/` }), INVALID_CLIENT],
    ['with a list as aud', () => changed({ aud: [ISSUER] }), INVALID_CLIENT],
    ['with two audiences', () => changed({ aud: [ISSUER, 'https://other.example'] }), INVALID_CLIENT],
    ['that has expired', () => changed({ exp: now() - 12 }), INVALID_CLIENT],
    ['over five minutes ahead', () => changed({ exp: now() + 320 }), INVALID_CLIENT],
    ['with exp in milliseconds', () => changed({ exp: Date.now() }), INVALID_CLIENT],
    ['with a text as exp', () => changed({ exp: String(now() + 60) }), INVALID_CLIENT],
    ['that is not good yet', () => changed({ nbf: now() + 20 }), INVALID_CLIENT],
    ['of the future', () => changed({ iat: now() + 20 }), INVALID_CLIENT],
    ['with a text as iat', () => changed({ iat: 'now' }), INVALID_CLIENT],
    ['with an empty jti', () => changed({ jti: '' }), INVALID_CLIENT],
    ['with a jti that is a number', () => changed({ jti: 7 }), INVALID_CLIENT],
    ['with a jti that is too long', () => changed({ jti: 'x'.repeat(257) }), INVALID_CLIENT],
    ['that is not signed', async () => form(unsigned({ alg: 'none' }, claimsOf())), INVALID_CLIENT],
    ['with a signature of another algorithm', async () => form(await sign(claimsOf(), rs256)), INVALID_CLIENT],
    ['that is no JWT', async () => form('x.y.z'), INVALID_CLIENT],
    ['that is no JWT, beside a client_id', async () => form('x', { client_id: 'app' }), INVALID_CLIENT],
    ['by an HMAC with the public key', async () => form(await hmacWithPublicKey()), INVALID_CLIENT],
    ['by an HMAC, of a client with a key', async () => form(await hmac(claimsOf())), INVALID_CLIENT],
    ['by a key, of a client with a secret', async () => form(await sign(claimsOf('hmac'))), INVALID_CLIENT],
    [
      'by an HMAC with another secret',
      async () => form(await hmac(claimsOf('hmac'), 'HS256', LONG_SECRET)),
      INVALID_CLIENT,
    ],
    [
      'by HS512 with a secret of 33 bytes',
      async () => form(await hmacByHand('hmac', 'sha512', 'HS512')),
      INVALID_CLIENT,
    ],
    ['of a client of client_secret_post', async () => form(await hmac(claimsOf('post'))), INVALID_CLIENT],
    ['of a public client', async () => form(await sign(claimsOf('spa'))), INVALID_CLIENT],
    ['beside another client_id', async () => form(await sign(claimsOf()), { client_id: 'other' }), INVALID_REQUEST],
    [
      'beside a secret',
      async () => form(await sign(claimsOf()), { client_id: 'app', client_secret: 'x' }),
      INVALID_REQUEST,
    ],
    ['without its type', async () => form(await sign(claimsOf()), { client_assertion_type: '' }), INVALID_REQUEST],
    [
      'of the type for SAML',
      async () => form(await sign(claimsOf()), { client_assertion_type: JWT_BEARER.replace('jwt', 'saml2') }),
      INVALID_REQUEST,
    ],
    ['that is empty', async () => form(''), INVALID_REQUEST],
    ['that is empty, beside a public client', async () => form('', { client_id: 'spa' }), INVALID_REQUEST],
  ];
  test('by its code', async (context) => {
    const gateway = await start(context);
    for (const [sentence, make, expected] of rows) {
      assert.equal(await verdict(gateway, await make()), expected, sentence);
    }
  });

  test('beside Basic', async (context) => {
    const gateway = await start(context);
    const body = form(await sign(claimsOf('web')));
    assert.equal(await verdict(gateway, body, { Authorization: BASIC }), INVALID_REQUEST);
  });

  test('in the place of a secret, and a secret in its place', async (context) => {
    const gateway = await start(context);
    const secret = { client_id: 'hmac', client_secret: HMAC_SECRET };
    assert.equal(await verdict(gateway, { ...LOGIN, ...secret }), INVALID_CLIENT);
    const basic = `Basic ${Buffer.from(`hmac:${HMAC_SECRET}`).toString('base64')}`;
    assert.equal(await verdict(gateway, LOGIN, { Authorization: basic }), INVALID_CLIENT);
    assert.equal(await verdict(gateway, { ...LOGIN, client_id: 'app' }), INVALID_CLIENT);
  });

  test('in the query string', async (context) => {
    const gateway = await start(context);
    const assertion = await sign(claimsOf());
    const response = await fetch(`${gateway.url}/token?client_assertion=${assertion}`, {
      method: 'POST',
      body: new URLSearchParams(form(assertion)),
    });
    assert.equal(response.status, 400);
  });

  test('and counted as a failure of its client', async (context) => {
    const limits = { ...GENEROUS, client: { failures: 3, per: '1m' } };
    const gateway = await start(context, { login_limits: limits });
    const answers = [];
    for (let failure = 0; failure < 5; failure += 1) {
      answers.push((await verdict(gateway, form(await sign(claimsOf(), stranger)))).slice(0, 3));
    }
    assert.deepEqual(answers.slice(0, 3), ['401', '401', '401']);
    assert.equal(answers.at(-1), '429');
  });

  test('with the reason in the log, and not in the answer', async (context) => {
    const gateway = await start(context);
    const { body } = await requestToken(gateway, await changed({ aud: 'https://other.example' }), {});
    assert.doesNotMatch(JSON.stringify(body), /aud/);
    const logged = gateway.records.find(({ error }) => error === 'invalid_client');
    assert.match(String(logged?.cause), /client app .*ERR_JWT_CLAIM_VALIDATION_FAILED.*"aud"/);
  });
});

/** The classic confusion: the public key, as everyone can read it, taken for a shared secret. */
async function hmacWithPublicKey(): Promise<string> {
  const pem = await exportSPKI(es256.publicKey);
  const input = unsigned({ alg: 'HS256', kid: 'ES256' }, claimsOf()).slice(0, -1);
  return `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`;
}

async function hmacByHand(id: string, hash: string, alg: string): Promise<string> {
  const input = unsigned({ alg }, claimsOf(id)).slice(0, -1);
  return `${input}.${createHmac(hash, HMAC_SECRET).update(input).digest('base64url')}`;
}

describe('an assertion is good for one use', () => {
  test('on every endpoint, and its client may sign another one', async (context) => {
    const gateway = await start(context);
    const body = form(await sign(claimsOf()));
    assert.equal(await verdict(gateway, body), '200');
    assert.equal(await verdict(gateway, body), INVALID_CLIENT);
    for (const path of ['revoke', 'introspect']) {
      const ask = (assertion: string) =>
        fetch(`${gateway.url}/${path}`, { method: 'POST', body: new URLSearchParams(form(assertion, { token: 'x' })) });
      assert.equal((await ask(body.client_assertion)).status, 401, path);
      assert.equal((await ask(await sign(claimsOf()))).status, 200, path);
    }
  });

  test('for each client by itself', async (context) => {
    const gateway = await start(context);
    const jti = randomUUID();
    assert.equal(await verdict(gateway, form(await sign(claimsOf('app', { jti })))), '200');
    assert.equal(await verdict(gateway, form(await sign(claimsOf('other', { jti }), stranger))), '200');
    assert.equal(await verdict(gateway, form(await sign(claimsOf('app', { jti, exp: now() + 200 })))), INVALID_CLIENT);
  });

  test('which a forged one does not take away', async (context) => {
    const gateway = await start(context);
    const claims = claimsOf();
    assert.equal(await verdict(gateway, form(await sign(claims, stranger))), INVALID_CLIENT);
    assert.equal(await verdict(gateway, form(await sign({ ...claims, aud: 'x' }))), INVALID_CLIENT);
    assert.equal(await verdict(gateway, form(await sign(claims))), '200');
  });

  test('until it has expired, tolerance and all', async (context) => {
    const gateway = await start(context);
    const body = form(await sign(claimsOf('app', { exp: now() - 8 })));
    assert.equal(await verdict(gateway, body), '200');
    for (let attempt = 0; attempt < 6; attempt += 1) {
      assert.equal(await verdict(gateway, body), INVALID_CLIENT);
      await delay(500);
    }
  });

  for (const [name, store] of [
    ['one gateway with the embedded store', undefined],
    ['two gateways on one Redis', redisStore()],
  ] as const) {
    test(`when it is used sixteen times at once, on ${name}`, async (context) => {
      const settings = store ? { store } : {};
      const first = await start(context, settings);
      const gateways = [first, store ? await start(context, settings) : first] as const;
      const body = form(await sign(claimsOf()));
      const verdicts = await Promise.all(
        Array.from({ length: 16 }, (_, index) => verdict(gateways[index % 2 ? 1 : 0], body)),
      );
      assert.deepEqual(verdicts.sort(), ['200', ...Array.from({ length: 15 }, () => INVALID_CLIENT)]);
    });
  }

  test('and no verdict on it is given while the store is out', async (context) => {
    const redis = await startRedis();
    context.after(redis.stop);
    const gateway = await start(context, { store: { redis: redis.url, timeout: '300ms' } });
    await redis.stop();
    const { status, headers, body } = await requestToken(gateway, form(await sign(claimsOf())), {});
    assert.equal(`${status} ${body.error}`, '503 temporarily_unavailable');
    assert.ok(headers.get('retry-after'));
  });
});

describe('the keys behind jwks_uri', () => {
  interface KeyServer {
    readonly url: string;
    asked: number;
    /** Undefined while it is out. */
    keys: JWK[] | undefined;
  }

  async function startKeyServer(context: TestContext, ...keys: JWK[]): Promise<KeyServer> {
    const server = createServer((_, response) => {
      running.asked += 1;
      if (running.keys) response.end(JSON.stringify({ keys: running.keys }));
      else response.writeHead(503).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    context.after(() => server.close().closeAllConnections());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
    const running: KeyServer = { url, asked: 0, keys };
    return running;
  }

  const startWith = (context: TestContext, { url }: KeyServer) =>
    start(context, { clients: [...CLIENTS, client('remote', { auth: 'private_key_jwt', jwks_uri: url })] });

  test('are fetched once, when the first assertion comes', async (context) => {
    const server = await startKeyServer(context, es256.jwk);
    const gateway = await startWith(context, server);
    assert.equal(server.asked, 0);
    const logins = Array.from({ length: 8 }, async () => verdict(gateway, form(await sign(claimsOf('remote')))));
    assert.deepEqual(new Set(await Promise.all(logins)), new Set(['200']));
    assert.equal(server.asked, 1);
    assert.equal(await verdict(gateway, form(await sign(claimsOf('remote'), stranger))), INVALID_CLIENT);
  });

  test('leave their client alone unserved while they are out, and that is logged', async (context) => {
    const server = await startKeyServer(context);
    server.keys = undefined;
    const gateway = await startWith(context, server);
    assert.equal(await verdict(gateway, form(await sign(claimsOf('remote')))), '503 temporarily_unavailable');
    assert.equal(await verdict(gateway, form(await sign(claimsOf('app')))), '200');
    assert.equal(await verdict(gateway, form(await sign(claimsOf('nobody')))), INVALID_CLIENT);
    const warning = gateway.records.find(({ msg }) => msg === 'client keys not fetched');
    assert.equal(warning?.client, 'remote');
    assert.match(String(warning?.cause), /503/);
  });

  test('do not count what happens while they are out as a failure', async (context) => {
    const server = await startKeyServer(context);
    server.keys = undefined;
    const clients = [client('remote', { auth: 'private_key_jwt', jwks_uri: server.url })];
    const gateway = await start(context, {
      clients,
      login_limits: { ...GENEROUS, client: { failures: 1, per: '1m' } },
    });
    for (let attempt = 0; attempt < 3; attempt += 1) {
      assert.equal(await verdict(gateway, form(await sign(claimsOf('remote')))), '503 temporarily_unavailable');
    }
    assert.equal(await verdict(gateway, form(await sign(claimsOf('nobody')))), INVALID_CLIENT);
  });

  test('that are too short refuse their client and nothing else', async (context) => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const server = await startKeyServer(context, {
      ...(weak.publicKey.export({ format: 'jwk' }) as JWK),
      kid: 'RS256',
    });
    const gateway = await startWith(context, server);
    assert.equal(await verdict(gateway, form(await sign(claimsOf('remote'), rs256))), INVALID_CLIENT);
  });
});

describe('the metadata', () => {
  const ENDPOINTS = ['token', 'revocation', 'introspection'];

  async function algorithmsOf(context: TestContext, clients: object[]): Promise<unknown[]> {
    const gateway = await startGateway(context, { clients });
    const response = await fetch(`${gateway.url}/.well-known/oauth-authorization-server`);
    const metadata = (await response.json()) as Record<string, unknown>;
    return ENDPOINTS.map((endpoint) => metadata[`${endpoint}_endpoint_auth_signing_alg_values_supported`]);
  }

  test('tells what clients may sign with', async (context) => {
    const [hmacClient, keyClient] = [
      CLIENTS.filter(({ id }) => id === 'hmac'),
      CLIENTS.filter(({ id }) => id === 'app'),
    ];
    const ofHmac = await algorithmsOf(context, hmacClient);
    assert.deepEqual(
      ofHmac,
      ENDPOINTS.map(() => ['HS256']),
    );
    const [ofKey] = await algorithmsOf(context, keyClient);
    assert.ok(Array.isArray(ofKey) && ofKey.includes('ES256') && !ofKey.includes('HS256') && !ofKey.includes('none'));
  });

  test('tells nothing of it where no client signs', async (context) => {
    const unsignedClients = CLIENTS.filter(({ id }) => id === 'web' || id === 'spa');
    assert.deepEqual(await algorithmsOf(context, unsignedClients), [undefined, undefined, undefined]);
  });
});
