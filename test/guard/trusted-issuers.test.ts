import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, mock, type TestContext, test } from 'node:test';
import { decodeJwt, UnsecuredJWT } from 'jose';
import { BASIC, login, postForm, type RunningGateway, startGateway, startUpstream } from '../support/gateway.ts';
import { ISSUER_AUDIENCE, makeKey, type RunningIssuer, startIssuer } from '../support/issuer.ts';
import { sendRaw } from '../support/raw.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

const OWN_AUDIENCE = 'https://api.example';
const OTHER_AUDIENCE = 'https://api.example/special';

/** A gateway that trusts one issuer, with routes for its tokens, for those of the gateway, and for both. */
async function startAll(
  context: TestContext,
  { tokens = {}, issuer }: { tokens?: object; issuer?: RunningIssuer } = {},
) {
  const trusted = issuer ?? (await startIssuer(context));
  const upstream = await startUpstream(context);
  const both = ['self', trusted.url];
  const gateway = await startGateway(context, {
    tokens: {
      signing: { algorithm: 'ES256' },
      trusted_issuers: [{ issuer: trusted.url, audience: ISSUER_AUDIENCE, ...tokens }],
    },
    upstreams: {
      api: { targets: [upstream.url], identity_headers: { 'X-User': '{token.sub}', 'X-Iss': '{token.iss}' } },
    },
    routes: [
      { path: '/own', scopes: ['read'], upstream: 'api' },
      { path: '/both', scopes: ['read'], upstream: 'api', issuers: both },
      { path: '/theirs', scopes: ['read'], upstream: 'api', issuers: [trusted.url] },
      { path: '/special', scopes: ['read'], upstream: 'api', issuers: both, audience: OTHER_AUDIENCE },
      { path: '/write', scopes: ['write'], upstream: 'api', issuers: both },
      { path: '/chat', scopes: ['read'], upstream: 'api', websocket: true },
    ],
  });
  return { issuer: trusted, gateway, upstream };
}

async function ask(gateway: RunningGateway, path: string, token: string) {
  const response = await fetch(gateway.url + path, { headers: { Authorization: `Bearer ${token}` } });
  const { error } = (await response.json()) as { error?: string };
  return { headers: response.headers, answer: error ? `${response.status} ${error}` : String(response.status) };
}

const answerTo = async (gateway: RunningGateway, path: string, token: string) =>
  (await ask(gateway, path, token)).answer;

const ownToken = async (gateway: RunningGateway) => (await login(gateway)).body.access_token ?? '';

const REFUSED = '401 invalid_token';

describe('a route', () => {
  test('takes the tokens of the issuers that it lists, for their audience', async (context) => {
    const { issuer, gateway, upstream } = await startAll(context);
    const [own, theirs, special] = [
      await ownToken(gateway),
      await issuer.sign(),
      await issuer.sign({ aud: [OTHER_AUDIENCE, 'x'] }),
    ];
    const rows: [sentence: string, path: string, token: string, answer: string][] = [
      ['ours, by default', '/own', own, '200'],
      ['theirs, where it is not listed', '/own', theirs, REFUSED],
      ['ours, where both are', '/both', own, '200'],
      ['theirs, where both are', '/both', theirs, '200'],
      ['ours, where only they are', '/theirs', own, REFUSED],
      ['theirs, where only they are', '/theirs', theirs, '200'],
      ['theirs, where it is not listed, though it was good elsewhere', '/own', theirs, REFUSED],
      ['ours, which are for all audiences that routes expect of them', '/special', own, '200'],
      ['theirs, for another audience than the route has', '/special', theirs, REFUSED],
      ['theirs, for the audience of the route', '/special', special, '200'],
      ['theirs, for the audience of another route', '/both', special, REFUSED],
      ['theirs, without the scope', '/write', theirs, '403 insufficient_scope'],
    ];
    for (const [sentence, path, token, answer] of rows) {
      const before = upstream.seen.length;
      assert.equal(await answerTo(gateway, path, token), answer, sentence);
      assert.equal(upstream.seen.length - before, answer === '200' ? 1 : 0, sentence);
    }
  });

  test('tells the upstream who it is, and whose word that is', async (context) => {
    const { issuer, gateway, upstream } = await startAll(context);
    await ask(gateway, '/both', await issuer.sign({ azp: 'new-app' }));
    const { 'x-user': user, 'x-iss': iss } = upstream.seen.at(-1)?.headers ?? {};
    assert.deepEqual([user, iss], ['n-1', issuer.url]);
    const { subject, client } = gateway.records.find(({ route }) => route === '/both') ?? {};
    assert.deepEqual([subject, client], ['n-1', 'new-app']);
  });

  test('holds WebSocket upgrades to the same', async (context) => {
    const { issuer, gateway, upstream } = await startAll(context);
    const rows: [token: string, status: number][] = [
      [await issuer.sign(), 401],
      [await ownToken(gateway), 200], // The upstream of this test answers without upgrading.
    ];
    for (const [token, status] of rows) {
      const answer = await sendRaw(
        gateway,
        'GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
          `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer ${token}\r\n\r\n`,
      );
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `));
    }
    assert.equal(upstream.seen.length, 1);
  });
});

describe("another issuer's token", () => {
  test('is not revoked with one of ours that has the same jti', async (context) => {
    const { issuer, gateway } = await startAll(context);
    const own = await ownToken(gateway);
    const theirs = await issuer.sign({ jti: decodeJwt(own).jti });
    await postForm(gateway, '/revoke', { token: own });
    assert.equal(await answerTo(gateway, '/both', own), REFUSED);
    assert.equal(await answerTo(gateway, '/both', theirs), '200');
  });

  test('is refused unless every part of it is right', async (context) => {
    const { issuer, gateway } = await startAll(context, { tokens: { algorithms: ['RS256', 'ES256'] } });
    const [other, elliptic, strong] = await Promise.all([
      makeKey('first'),
      makeKey('ec', 'ES256'),
      makeKey('x', 'RS512'),
    ]);
    issuer.published.push(elliptic.publicJwk, strong.publicJwk);
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: issuer.url, aud: ISSUER_AUDIENCE, sub: 'n-1', exp: now + 60, scope: 'read' };
    const symmetric = [{ alg: 'HS256', kid: 'first' }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const mac = createHmac('sha256', issuer.key.publicJwk.n ?? '')
      .update(symmetric)
      .digest('base64url');
    const deep = Buffer.from(`{"iss":${'['.repeat(4000)}${']'.repeat(4000)}}`).toString('base64url');
    const rows: [sentence: string, token: string, answer: string][] = [
      ['as most write it', await issuer.sign(), '200'],
      ['as RFC 9068 has it', await issuer.sign({}, { typ: 'at+jwt' }), '200'],
      ['with the long name of its type', await issuer.sign({}, { typ: 'application/at+jwt' }), '200'],
      ['without typ', await issuer.sign({}, { typ: undefined }), '200'],
      ['signed by another of its keys and algorithms', await issuer.sign({}, {}, elliptic), '200'],
      ['expired within the tolerance of 10 seconds', await issuer.sign({ exp: now - 5 }), '200'],
      ['expired', await issuer.sign({ exp: now - 20 }), REFUSED],
      ['not valid yet', await issuer.sign({ nbf: now + 60 }), REFUSED],
      ['without exp', await issuer.sign({ exp: undefined }), REFUSED],
      ['without sub', await issuer.sign({ sub: undefined }), REFUSED],
      ['with a sub that is no text', await issuer.sign({ sub: { value: 'n-1' } }), REFUSED],
      ['without aud', await issuer.sign({ aud: undefined }), REFUSED],
      ['for another audience', await issuer.sign({ aud: OWN_AUDIENCE }), REFUSED],
      ['without iss', await issuer.sign({ iss: undefined }), REFUSED],
      ['of an issuer that is not configured', await issuer.sign({ iss: 'https://other.example' }), REFUSED],
      ['that says it is ours', await issuer.sign({ iss: 'https://gateway.example/auth' }), REFUSED],
      ['whose iss differs by a slash', await issuer.sign({ iss: `${issuer.url}/` }), REFUSED],
      ['with an algorithm that is not allowed, by a published key', await issuer.sign({}, {}, strong), REFUSED],
      ['signed by another key of the same name', await issuer.sign({}, {}, other), REFUSED],
      ['with an unknown kid', await issuer.sign({}, { kid: 'unknown' }), REFUSED],
      ['an ID token', await issuer.sign({ at_hash: 'x' }), REFUSED],
      ['an ID token of Keycloak', await issuer.sign({ typ: 'ID' }), REFUSED],
      ['a refresh token of Keycloak', await issuer.sign({ typ: 'Refresh' }), REFUSED],
      ['an access token of Keycloak', await issuer.sign({ typ: 'Bearer' }), '200'],
      ['an ID token of Cognito', await issuer.sign({ token_use: 'id' }), REFUSED],
      ['a logout token', await issuer.sign({ events: {} }), REFUSED],
      ['of another type', await issuer.sign({}, { typ: 'dpop+jwt' }), REFUSED],
      ['with alg none', new UnsecuredJWT(claims).encode(), REFUSED],
      ['with HS256 and the public key as secret', `${symmetric}.${mac}`, REFUSED],
      ['that nests deeply', `e30.${deep}.AA`, REFUSED],
      ['of 15 kb', `e30.${'A'.repeat(15_000)}.AA`, REFUSED],
      ['of nothing but dots', '.'.repeat(1000), REFUSED],
      [
        'whose iss is a name of all objects',
        `e30.${Buffer.from('{"iss":"__proto__"}').toString('base64url')}.AA`,
        REFUSED,
      ],
    ];
    for (const [sentence, token, answer] of rows) {
      assert.equal(await answerTo(gateway, '/theirs', token), answer, sentence);
    }
    assert.equal(issuer.asked.length, 2, 'no token but the first had anything fetched');
  });

  test('is refused without a kid, where several keys could have signed it', async (context) => {
    const { issuer, gateway } = await startAll(context);
    const token = await issuer.sign({}, { kid: undefined });
    assert.equal(await answerTo(gateway, '/theirs', token), '200', 'there is only one key');
    const second = await startAll(context);
    second.issuer.published.push((await makeKey('second')).publicJwk);
    const ambiguous = await second.issuer.sign({}, { kid: undefined });
    assert.equal(await answerTo(second.gateway, '/theirs', ambiguous), REFUSED);
  });

  test('is not active to introspection, which tells of our own alone', async (context) => {
    const { issuer, gateway } = await startAll(context);
    const introspect = async (token: string) => {
      const body = new URLSearchParams({ token });
      const response = await fetch(`${gateway.url}/introspect`, {
        method: 'POST',
        headers: { Authorization: BASIC },
        body,
      });
      return ((await response.json()) as { active: boolean }).active;
    };
    assert.equal(await introspect(await issuer.sign()), false);
    assert.equal(await introspect(await ownToken(gateway)), true);
  });

  test('has its scopes in the claim that the configuration names', async (context) => {
    const rows: [claim: string, sentence: string, claims: object, answer: string][] = [
      ['scope', 'a text', { scope: 'other read' }, '200'],
      ['scope', 'a list', { scope: ['other', 'read'] }, '200'],
      ['scope', 'none', { scope: undefined }, '403 insufficient_scope'],
      ['scope', 'a number', { scope: 7 }, REFUSED],
      ['scope', 'a list of more than texts', { scope: ['read', 7] }, REFUSED],
      ['scp', 'a text', { scope: undefined, scp: 'read' }, '200'],
      ['scp', 'a list', { scope: undefined, scp: ['read'] }, '200'],
      ['scp', 'in the wrong claim', { scope: 'read' }, '403 insufficient_scope'],
      ['permissions', 'a list', { scope: 'openid', permissions: ['write', 'read'] }, '200'],
      ['permissions', 'a list that lacks it', { scope: 'read', permissions: ['write'] }, '403 insufficient_scope'],
    ];
    const issuer = await startIssuer(context);
    for (const claim of new Set(rows.map(([name]) => name))) {
      const { gateway } = await startAll(context, { issuer, tokens: { scope_claim: claim } });
      for (const [, sentence, claims, answer] of rows.filter(([name]) => name === claim)) {
        assert.equal(await answerTo(gateway, '/theirs', await issuer.sign(claims)), answer, `${claim}: ${sentence}`);
      }
    }
  });
});

describe("an issuer's keys", () => {
  /** Time passes only when the test says so. */
  function stopTheClock(context: TestContext): void {
    mock.timers.enable({ apis: ['Date'], now: Date.now() });
    context.after(() => mock.timers.reset());
  }

  test('are found by openid-configuration, and not asked for before a token needs them', async (context) => {
    const { issuer, gateway } = await startAll(context);
    assert.deepEqual(issuer.asked, []);
    assert.equal(await answerTo(gateway, '/own', await issuer.sign()), REFUSED);
    assert.deepEqual(issuer.asked, [], 'the route does not take its tokens');
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, n) => answerTo(gateway, '/theirs', await issuer.sign({ n }))),
    );
    assert.deepEqual([...new Set(answers)], ['200']);
    assert.deepEqual(issuer.asked, ['/.well-known/openid-configuration', '/jwks']);
  });

  test('are fetched where jwks_uri says, without discovery', async (context) => {
    const issuer = await startIssuer(context);
    const { gateway } = await startAll(context, { issuer, tokens: { jwks_uri: `${issuer.url}/jwks` } });
    assert.equal(await answerTo(gateway, '/theirs', await issuer.sign()), '200');
    assert.deepEqual(issuer.asked, ['/jwks']);
  });

  test('that are out are 503 for its tokens, and nothing to ours', async (context) => {
    stopTheClock(context);
    const { issuer, gateway } = await startAll(context);
    issuer.answer = (_, response) => void response.writeHead(500).end();
    const [own, theirs] = [await ownToken(gateway), await issuer.sign()];
    for (let request = 0; request < 5; request += 1) {
      const { answer, headers } = await ask(gateway, '/both', theirs);
      assert.equal(answer, '503 temporarily_unavailable');
      assert.match(headers.get('retry-after') ?? '', /^\d+$/);
      assert.equal(await answerTo(gateway, '/both', own), '200');
    }
    assert.equal(issuer.asked.length, 2, 'both kinds of metadata, once');
    const warnings = gateway.records.filter(({ issuer: name }) => name === issuer.url);
    assert.deepEqual(
      warnings.map(({ level }) => level),
      ['warn'],
    );
    issuer.answer = undefined;
    mock.timers.tick(5 * SECOND);
    assert.equal(await answerTo(gateway, '/both', theirs), '200', 'back again');
    issuer.answer = (_, response) => void response.writeHead(500).end();
    mock.timers.tick(11 * MINUTE);
    assert.equal(await answerTo(gateway, '/both', theirs), '200', 'the last good keys go on for a while');
  });

  test('rotate: a new one is fetched when a token names it, and tokens of a withdrawn one end', async (context) => {
    stopTheClock(context);
    const { issuer, gateway } = await startAll(context);
    const old = await issuer.sign();
    assert.equal(await answerTo(gateway, '/theirs', old), '200');
    const second = await makeKey('second');
    issuer.published.push(second.publicJwk);
    mock.timers.tick(30 * SECOND);
    assert.equal(await answerTo(gateway, '/theirs', await issuer.sign({}, {}, second)), '200');
    assert.equal(await answerTo(gateway, '/theirs', old), '200');
    issuer.published = [second.publicJwk];
    mock.timers.tick(10 * MINUTE);
    assert.equal(await answerTo(gateway, '/theirs', old), REFUSED, 'though it was good and has not expired');
    assert.equal(await answerTo(gateway, '/theirs', await issuer.sign({}, {}, second)), '200');
  });

  test('are fetched at most once in a cooldown, however many tokens name unknown ones', async (context) => {
    stopTheClock(context);
    const { issuer, gateway } = await startAll(context);
    await ask(gateway, '/theirs', await issuer.sign());
    const flood = () =>
      Promise.all(
        Array.from({ length: 30 }, async (_, n) =>
          answerTo(gateway, '/theirs', await issuer.sign({}, { kid: `k${n}` })),
        ),
      );
    assert.deepEqual([...new Set(await flood())], [REFUSED]);
    const fetches = () => issuer.asked.filter((path) => path === '/jwks').length;
    assert.equal(fetches(), 1);
    mock.timers.tick(30 * SECOND);
    await flood();
    await flood();
    assert.equal(fetches(), 2);
  });

  test('cannot be had from metadata that is not sound', async (context) => {
    stopTheClock(context);
    const { issuer, gateway } = await startAll(context);
    const { url } = issuer;
    const keys = `${url}/jwks`;
    const rows: [sentence: string, status: number, metadata: unknown][] = [
      ['of another issuer', 200, { issuer: `${url}/`, jwks_uri: keys }],
      ['without an issuer', 200, { jwks_uri: keys }],
      ['without a jwks_uri', 200, { issuer: url }],
      ['with a jwks_uri that is no address on the web', 200, { issuer: url, jwks_uri: 'file:///etc/passwd' }],
      ['that is null', 200, null],
      ['that is a text', 200, 'metadata'],
      ['that redirects', 302, { issuer: url, jwks_uri: keys }],
      ['that is too large', 200, { issuer: url, jwks_uri: keys, pad: 'x'.repeat(300_000) }],
    ];
    const token = await issuer.sign();
    for (const [sentence, status, metadata] of rows) {
      issuer.answer = (_, response) => {
        response.writeHead(status, { Location: '/elsewhere' }).end(JSON.stringify(metadata));
      };
      issuer.asked.length = 0;
      mock.timers.tick(5 * SECOND);
      assert.equal(await answerTo(gateway, '/theirs', token), '503 temporarily_unavailable', sentence);
      const expected = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'];
      assert.deepEqual(issuer.asked, expected, sentence);
    }
    issuer.answer = undefined;
    mock.timers.tick(5 * SECOND);
    assert.equal(await answerTo(gateway, '/theirs', token), '200');
  });

  test('are found by the metadata of RFC 8414 where there is no openid-configuration, for an issuer with a path', async (context) => {
    const server = await startIssuer(context);
    const issuer = `${server.url}/tenants/7/`;
    server.answer = (request, response) => {
      if (request.url === '/jwks') return void response.end(JSON.stringify({ keys: server.published }));
      const found = request.url === '/.well-known/oauth-authorization-server/tenants/7';
      response.writeHead(found ? 200 : 404).end(JSON.stringify({ issuer, jwks_uri: `${server.url}/jwks` }));
    };
    const { gateway } = await startAll(context, { issuer: { ...server, url: issuer } });
    assert.equal(await answerTo(gateway, '/theirs', await server.sign({ iss: issuer })), '200');
    assert.deepEqual(server.asked, [
      '/tenants/7/.well-known/openid-configuration',
      '/.well-known/oauth-authorization-server/tenants/7',
      '/jwks',
    ]);
  });
});
