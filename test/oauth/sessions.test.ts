import assert from 'node:assert/strict';
import { request } from 'node:http';
import { describe, test } from 'node:test';
import { decodeJwt } from 'jose';
import { login, type RunningGateway, redisStore, requestToken, startGateway } from '../support/gateway.ts';

async function ask(gateway: RunningGateway, path: string, method = 'GET', headers: Record<string, string> = {}) {
  const response = await fetch(gateway.adminUrl + path, { method, headers });
  return { status: response.status, headers: response.headers, body: JSON.parse(await response.text()) };
}

for (const [name, store] of [
  ['the embedded store', () => ({})],
  ['Redis', redisStore],
] as const) {
  describe(`the sessions of the admin address with ${name}`, () => {
    test('are listed and ended by user, and by their id', async (context) => {
      const gateway = await startGateway(context, { store: store() });
      const [first, second] = [(await login(gateway)).body, (await login(gateway)).body];
      await login(gateway, { username: 'bob' });
      const listed = await ask(gateway, '/sessions?user=ANN');
      assert.equal(listed.status, 200);
      assert.equal(listed.body.sessions.length, 2);
      const { sid } = decodeJwt(first.access_token ?? '');
      const session = listed.body.sessions.find(({ id }: { id: string }) => id === sid);
      const { logged_in_at, last_used_at, expires_at, ends_at, ...told } = session;
      assert.deepEqual(told, {
        id: sid,
        user: { store: 'staff', username: 'ann', sub: 'u-1' },
        client: 'web',
        scope: 'read write',
        address: '127.0.0.1',
      });
      const times = [logged_in_at, last_used_at, expires_at, ends_at].map((time) => new Date(time).toISOString());
      assert.deepEqual(times, [...times].sort());

      const refresh = async (token = '') =>
        (await requestToken(gateway, { grant_type: 'refresh_token', refresh_token: token })).status;
      assert.deepEqual((await ask(gateway, `/sessions/${sid}`, 'DELETE')).body, { revoked: 1 });
      assert.equal((await ask(gateway, `/sessions/${sid}`, 'DELETE')).status, 404);
      assert.equal(await refresh(first.refresh_token), 400);
      assert.deepEqual((await ask(gateway, '/sessions?user=ann&client=app', 'DELETE')).body, { revoked: 0 });
      assert.deepEqual((await ask(gateway, '/sessions?user=ann&client=web', 'DELETE')).body, { revoked: 1 });
      assert.equal(await refresh(second.refresh_token), 400);
      assert.deepEqual((await ask(gateway, '/sessions?user=ann')).body, { sessions: [] });
      assert.equal((await ask(gateway, '/sessions?user=bob')).body.sessions.length, 1);
    });
  });
}

test('what is asked wrongly is refused, and ends nothing', async (context) => {
  const gateway = await startGateway(context);
  await login(gateway);
  const rows: [sentence: string, method: string, path: string, answer: string][] = [
    ['no user', 'DELETE', '/sessions', '400 invalid_request'],
    ['an empty user', 'DELETE', '/sessions?user=', '400 invalid_request'],
    ['an empty client', 'DELETE', '/sessions?user=ann&client=', '400 invalid_request'],
    ['a misspelt client', 'DELETE', '/sessions?user=ann&clinet=app', '400 invalid_request'],
    ['two users', 'DELETE', '/sessions?user=ann&user=bob', '400 invalid_request'],
    ['another method', 'POST', '/sessions?user=ann', '405 method_not_allowed'],
    ['a method for all sessions on one', 'GET', '/sessions/abc', '405 method_not_allowed'],
    ['something deeper', 'DELETE', '/sessions/abc/def', '404 not_found'],
  ];
  for (const [sentence, method, path, answer] of rows) {
    const { status, body } = await ask(gateway, path, method);
    assert.equal(`${status} ${body.error}`, answer, sentence);
  }
  assert.equal((await ask(gateway, '/sessions', 'POST')).headers.get('allow'), 'GET, HEAD, DELETE');
  assert.equal((await ask(gateway, '/sessions?user=ann')).body.sessions.length, 1);
});

/** With headers that fetch does not let a program set. */
function statusWith(
  gateway: RunningGateway,
  headers: Record<string, string>,
  method = 'GET',
  path = '/sessions?user=ann',
) {
  return new Promise<number | undefined>((resolve, reject) => {
    request(gateway.adminUrl + path, { method, headers }, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end();
  });
}

test('without an admin token, no web page may ask', async (context) => {
  const gateway = await startGateway(context);
  const own = new URL(gateway.adminUrl).host;
  const rows: [sentence: string, headers: Record<string, string>, status: number][] = [
    ['a program on this host', {}, 200],
    ['one that says localhost', { Host: 'localhost:9901' }, 200],
    ['one that says an IPv6 address', { Host: '[::1]:9901' }, 200],
    ['the same origin', { Origin: `http://${own}` }, 200],
    ['another origin', { Origin: 'https://evil.example' }, 403],
    ['an opaque origin', { Origin: 'null' }, 403],
    ['a name that was made to lead here', { Host: 'evil.example:9901' }, 403],
    ['its own page', { Host: 'evil.example:9901', Origin: 'http://evil.example:9901' }, 403],
    ['a name that begins like an address', { Host: '127.0.0.1.evil.example' }, 403],
  ];
  for (const [sentence, headers, status] of rows) {
    assert.equal(await statusWith(gateway, headers), status, sentence);
    assert.equal(await statusWith(gateway, headers, 'GET', '/metrics'), status, `${sentence}: metrics`);
    assert.equal(await statusWith(gateway, headers, 'GET', '/healthz'), 200, `${sentence}: health`);
  }
});

test('with an admin token, nobody without it may ask', async (context) => {
  const gateway = await startGateway(context, { admin: { token: 'open sesame' } });
  for (const [headers, status] of [
    [{}, 401],
    [{ Authorization: 'Bearer open' }, 401],
    [{ Authorization: 'Bearer open sesame' }, 200],
    [{ Authorization: 'Bearer open sesame', Host: 'gateway.internal:9901' }, 200],
  ] as const) {
    assert.equal(await statusWith(gateway, headers), status);
    assert.equal(await statusWith(gateway, headers, 'DELETE'), status);
    assert.equal(await statusWith(gateway, headers, 'GET', '/metrics'), status);
  }
});
