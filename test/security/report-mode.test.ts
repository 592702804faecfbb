/**
 * A route in report mode lets everybody through, so that its rules can be tried on real traffic. Its upstream still believes
 * the identity headers that it gets. An attacker sends a token of their own making, an expired or a stolen one, and hopes that
 * with the refusal the verification is gone too; or a request that the refusals were there to stop for another reason.
 *
 * The promise: identity headers are made of a verified token alone, and what could be understood in two ways is refused as
 * ever.
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { BASIC, login, startGateway } from '../support/gateway.ts';
import { sendRaw, statuses } from '../support/raw.ts';
import { startRecordingUpstream } from '../support/recording-upstream.ts';
import { forge, hmac, unsigned } from './forge.ts';

const OTHER = 'https://login.example';
const TOKENS = { issuer: 'https://gateway.example/auth', audience: 'https://api.example' };

const upstream = await startRecordingUpstream({ after });
const identity_headers = { 'X-User': '{token.sub}', 'X-Scopes': '{token.scope}', 'X-Is': 'constant' };
const gateway = await startGateway(
  { after },
  {
    mode: 'report',
    tokens: { ...TOKENS, trusted_issuers: [{ issuer: OTHER, jwks_uri: 'http://127.0.0.1:1/jwks', audience: 'api' }] },
    upstreams: {
      api: { targets: [upstream.url], identity_headers },
      bare: { targets: [upstream.url], identity_headers, authorization: 'remove' },
    },
    routes: [
      { path: '/api', scopes: ['write'], upstream: 'api', websocket: true },
      { path: '/bare', scopes: ['write'], upstream: 'bare' },
      { path: '/theirs', issuers: [OTHER], upstream: 'api' },
      { path: '/enforced', scopes: ['write'], upstream: 'api', mode: 'enforce' },
    ],
  },
);
const READ = (await login(gateway, { scope: 'read' })).body.access_token ?? '';
const WRITE = (await login(gateway, { scope: 'write' })).body.access_token ?? '';
const { id_token: ID_TOKEN = '', refresh_token: REFRESH_TOKEN = '' } = (await login(gateway)).body;
const [HEADER, PAYLOAD] = WRITE.split('.', 2).map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()));
const FORGED = WRITE.replace(/[^.]+$/, READ.split('.')[2] ?? '');
const UPGRADE = ['Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='];

/** Sends a request with these header lines: the answer's status code, and the head of what the upstream got. */
async function ask(path: string, lines: readonly string[]): Promise<{ status: number; reached: string | undefined }> {
  const before = upstream.connections.length;
  const connection = lines.includes('Upgrade: websocket') ? 'Connection: upgrade' : 'Connection: close';
  const answer = await sendRaw(
    gateway,
    `${[`GET ${path} HTTP/1.1`, 'Host: x', ...lines, connection].join('\r\n')}\r\n\r\n`,
  );
  return { status: statuses(answer).at(-1) ?? 0, reached: upstream.connections[before] };
}

const bearer = (token: string) => [`Authorization: Bearer ${token}`];

describe('nobody is told to an upstream by', () => {
  const rows: [sentence: string, ...lines: string[]][] = [
    ['no token', 'X-User: root', 'x_user: root', 'X-Scopes: admin'],
    ['a token without a signature', ...bearer(forge({ ...HEADER, alg: 'none' }, PAYLOAD, unsigned))],
    ['a token that the sender has signed', ...bearer(forge({ ...HEADER, alg: 'HS256' }, PAYLOAD, hmac('sha256', 'x')))],
    ['a token whose claims were changed', ...bearer(WRITE.replace(/\..*\./, `.${READ.split('.')[1]}.`))],
    ['a token with another signature', ...bearer(FORGED)],
    ['an ID token', ...bearer(ID_TOKEN)],
    ['a refresh token', ...bearer(REFRESH_TOKEN)],
    ['a bearer token sent as a bound one', `Authorization: DPoP ${WRITE}`],
    ['a password', 'Authorization: Basic cm9vdDpyb290'],
  ];
  for (const [sentence, ...lines] of rows) {
    for (const upgrade of [[], UPGRADE]) {
      test(`${sentence}${upgrade.length > 0 ? ', at an upgrade' : ''}`, async () => {
        const { reached } = await ask('/api', [...lines, ...upgrade]);
        assert.ok(reached, 'it passes');
        assert.doesNotMatch(reached, /^x.(user|scopes|is):/im);
      });
    }
  }

  test('a good token of an issuer that the route does not take, and one whose keys are out', async () => {
    const theirs = forge({ ...HEADER, kid: 'x' }, { ...PAYLOAD, iss: OTHER }, unsigned);
    for (const token of [WRITE, theirs]) {
      const { reached } = await ask('/theirs', bearer(token));
      assert.match(reached ?? '', /^GET \/theirs /);
      assert.doesNotMatch(reached ?? '', /^x.user:/im);
    }
  });

  test('a token that was revoked', async () => {
    const { access_token: token = '' } = (await login(gateway)).body;
    assert.match((await ask('/api', bearer(token))).reached ?? '', /^X-User: u-1\r$/m);
    await revoke(token);
    const { reached } = await ask('/api', bearer(token));
    assert.ok(reached);
    assert.doesNotMatch(reached, /^x.user:/im);
  });
});

async function revoke(token: string): Promise<void> {
  const response = await fetch(`${gateway.url}/revoke`, {
    method: 'POST',
    headers: { Authorization: BASIC },
    body: new URLSearchParams({ token }),
  });
  assert.equal(response.status, 200);
}

test('a verified token that lacks a scope is told as what it is', async () => {
  const { reached } = await ask('/api', [...bearer(READ), 'X-Scopes: write']);
  assert.match(reached ?? '', /^X-User: u-1\r$/m);
  assert.match(reached ?? '', /^X-Scopes: read\r$/m);
});

test("what was sent as Authorization is passed on as the upstream's rule says", async () => {
  const token = FORGED;
  assert.match((await ask('/api', bearer(token))).reached ?? '', /^Authorization: Bearer /m);
  assert.doesNotMatch((await ask('/bare', bearer(token))).reached ?? '', /^authorization:/im);
});

describe('nothing passes that is refused for another reason than its token:', () => {
  const rows: [sentence: string, path: string, status: number, ...lines: string[]][] = [
    ['two tokens', '/api', 400, ...bearer(WRITE), ...bearer(READ)],
    ['a token in header and query', '/api?access_token=x', 400, ...bearer(WRITE)],
    ['two hosts', '/api', 400, 'Host: y'],
    ['a path with an encoded slash', '/api%2fx', 400],
    ['a path of no route', '/elsewhere', 404],
    ['two framings', '/api', 400, 'Transfer-Encoding: chunked', 'Content-Length: 3'],
    ['another protocol', '/api', 426, 'Upgrade: h2c, websocket', ...UPGRADE.slice(1)],
    ['a body that is too large', '/api', 413, 'Content-Length: 99999999'],
    ['a route that enforces', '/enforced', 401],
    ['a route that enforces its scopes', '/enforced', 403, ...bearer(READ)],
  ];
  for (const [sentence, path, status, ...lines] of rows) {
    test(sentence, async () => {
      const upgrades = lines.some((line) => line.startsWith('Upgrade: h2c'));
      const { status: told, reached } = await ask(path, upgrades ? [...lines, 'Connection: upgrade'] : lines);
      assert.deepEqual({ status: told, reached }, { status, reached: undefined });
    });
  }
});
