import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { decodeJwt } from 'jose';
import { BASIC, login, requestToken, startGateway, startUpstream } from '../support/gateway.ts';

/** A gateway whose access tokens have `sub` as APIs from before RFC 7519 read it. */
async function startWithOldSubject(context: TestContext, value: string) {
  const upstream = await startUpstream(context);
  const gateway = await startGateway(context, {
    tokens: { signing: { algorithm: 'ES256' }, claims: { sub: { value }, cn: '{user.cn}' } },
    upstreams: { api: { targets: [upstream.url], identity_headers: { 'X-User': '{token.sub}' } } },
    routes: [{ path: '/api', require: { sub: ['ann', 'u-1'] }, upstream: 'api' }],
  });
  return { gateway, upstream };
}

const rows: [sentence: string, value: string, subject: string][] = [
  ['the username', '{user.username}', 'ann'],
  ['an attribute', '{user.sub}', 'u-1'],
  ['the user, where the attribute is missing', '{user.number}', 'u-1'],
  ['the user, where the attribute is a list', '{user.groups}', 'u-1'],
];
for (const [sentence, value, subject] of rows) {
  test(`sub.value is ${sentence}, and the guard, the upstream and the log know it as the subject`, async (context) => {
    const { gateway, upstream } = await startWithOldSubject(context, value);
    const { body } = await login(gateway);
    const { access_token: token = '', id_token = '', refresh_token = '' } = body;
    assert.deepEqual(decodeJwt(token).sub, { value: subject });
    assert.equal(decodeJwt(id_token).sub, 'u-1', 'an ID token has the text of OpenID Connect');
    const response = await fetch(`${gateway.url}/api`, { headers: { Authorization: `Bearer ${token}` } });
    assert.equal(response.status, 200);
    assert.equal(upstream.seen.at(-1)?.headers['x-user'], subject);
    assert.equal(gateway.records.find(({ route }) => route === '/api')?.subject, subject);
    const again = await requestToken(gateway, { grant_type: 'refresh_token', refresh_token });
    assert.deepEqual(decodeJwt(again.body.access_token ?? '').sub, { value: subject });
  });
}

test('introspection tells the subject as text (RFC 7662 §2.2)', async (context) => {
  const { gateway } = await startWithOldSubject(context, '{user.username}');
  const body = new URLSearchParams({ token: (await login(gateway)).body.access_token ?? '' });
  const answer = await fetch(`${gateway.url}/introspect`, { method: 'POST', headers: { Authorization: BASIC }, body });
  const { active, sub } = (await answer.json()) as Record<string, unknown>;
  assert.deepEqual({ active, sub }, { active: true, sub: 'ann' });
});

test('the log warns of it when the gateway starts', async (context) => {
  const { gateway } = await startWithOldSubject(context, '{user.username}');
  const { level, line, column } = gateway.records.find(({ code }) => code === 'sub-not-a-string') ?? {};
  assert.equal(level, 'warn');
  assert.ok(Number(line) > 1 && Number(column) > 1);
});
