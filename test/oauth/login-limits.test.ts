import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { login, redisStore, requestToken, type Settings, startGateway } from '../support/gateway.ts';

const PROXIES = { trusted_proxies: ['127.0.0.0/8'] };
const BASIC_OF_NOBODY = { Authorization: `Basic ${Buffer.from('web:wrong').toString('base64')}` };

for (const [name, store] of [
  ['the embedded store', () => ({})],
  ['Redis', redisStore],
] as const) {
  const start = (context: Parameters<typeof startGateway>[0], limits: Settings, rest: Settings = {}) =>
    startGateway(context, { store: store(), login_limits: { min_failure_time: '0ms', ...limits }, ...rest });

  describe(`login limits with ${name}`, () => {
    test('after too many failures even the right password is 429, with Retry-After', async (context) => {
      const gateway = await start(context, { user_and_address: { failures: 3, lock: '30s' } });
      for (let failure = 0; failure < 3; failure += 1)
        assert.equal((await login(gateway, { password: 'x' })).status, 400);
      const { status, headers, body } = await login(gateway);
      assert.equal(`${status} ${body.error}`, '429 invalid_grant');
      const retryAfter = Number(headers.get('retry-after'));
      assert.ok(retryAfter > 25 && retryAfter <= 30, `Retry-After: ${retryAfter}`);
    });

    test('a user who does not exist is locked like one who does', async (context) => {
      const gateway = await start(context, { user_and_address: { failures: 2 } });
      for (let failure = 0; failure < 2; failure += 1) await login(gateway, { username: 'nobody' });
      assert.equal((await login(gateway, { username: 'nobody' })).status, 429);
    });

    test('a hundred wrong guesses at once are no more checks than the limit allows', async (context) => {
      const gateway = await start(context, { user_and_address: { failures: 5 }, queue: 200 });
      const answers = await Promise.all(Array.from({ length: 100 }, () => login(gateway, { password: 'x' })));
      assert.equal(answers.filter(({ status }) => status === 400).length, 5);
      assert.equal(answers.filter(({ status }) => status === 429).length, 95);
    });

    test('twenty right logins at once all succeed', async (context) => {
      const gateway = await start(context, { user_and_address: { failures: 5 } });
      const answers = await Promise.all(Array.from({ length: 20 }, () => login(gateway)));
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    });

    test('a right login clears the count', async (context) => {
      const gateway = await start(context, { user_and_address: { failures: 3 } });
      for (let round = 0; round < 3; round += 1) {
        for (let failure = 0; failure < 2; failure += 1) await login(gateway, { password: 'x' });
        assert.equal((await login(gateway)).status, 200);
      }
    });

    test('the lock doubles', async (context) => {
      const gateway = await start(context, { user_and_address: { failures: 1, lock: '1s', max_lock: '1m' } });
      await login(gateway, { password: 'x' });
      await delay(1050);
      await login(gateway, { password: 'x' });
      assert.equal((await login(gateway)).headers.get('retry-after'), '2');
    });

    test('another address may still log in as the user who is locked at one', async (context) => {
      const gateway = await start(context, { user_and_address: { failures: 1 } }, { listen: PROXIES });
      const from = (address: string, password: string) =>
        requestToken(
          gateway,
          { grant_type: 'password', username: 'ann', password },
          { Authorization: `Basic ${btoa('web:7de316288b4eb1d57ea5a190abbec68b')}`, 'X-Forwarded-For': address },
        );
      await from('192.0.2.1', 'x');
      assert.equal((await from('192.0.2.1', 'correct horse')).status, 429);
      assert.equal((await from('192.0.2.2', 'correct horse')).status, 200);
    });

    test('X-Forwarded-For of a peer that is not trusted does not reset a limit', async (context) => {
      const gateway = await start(context, { user_and_address: { failures: 1 } });
      await login(gateway, { password: 'x' });
      const { status } = await requestToken(
        gateway,
        { grant_type: 'password', username: 'ann', password: 'correct horse' },
        { Authorization: `Basic ${btoa('web:7de316288b4eb1d57ea5a190abbec68b')}`, 'X-Forwarded-For': '192.0.2.9' },
      );
      assert.equal(status, 429);
    });

    test('an address is locked whichever users it tries, a user whichever address does', async (context) => {
      const gateway = await start(context, { address: { failures: 3, per: '1m' } });
      for (const username of ['a', 'b', 'c']) await login(gateway, { username });
      assert.equal((await login(gateway)).status, 429);
      const other = await start(context, { user: { failures: 3, per: '1m' }, user_and_address: { failures: 100 } });
      for (let failure = 0; failure < 3; failure += 1) await login(other, { password: 'x' });
      assert.equal((await login(other)).status, 429);
      assert.equal((await login(other, { username: 'bob' })).status, 200);
    });

    test('failures to authenticate the client count too', async (context) => {
      const gateway = await start(context, { client: { failures: 3, per: '1m' } });
      const wrong = () => requestToken(gateway, { grant_type: 'password' }, BASIC_OF_NOBODY);
      const statuses = [];
      for (let failure = 0; failure < 5; failure += 1) statuses.push((await wrong()).status);
      assert.deepEqual(statuses.slice(0, 3), [401, 401, 401]);
      assert.equal(statuses.at(-1), 429);
    });
  });
}

describe('two gateways that share a Redis', () => {
  const shared = { store: redisStore(), login_limits: { min_failure_time: '0ms', user_and_address: { failures: 5 } } };

  test('count failures together', async (context) => {
    const gateways = [await startGateway(context, shared), await startGateway(context, shared)] as const;
    const form = { username: 'bob', password: 'x' };
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) => login(gateways[index % 2 ? 1 : 0], form)),
    );
    assert.equal(answers.filter(({ status }) => status === 400).length, 5);
    assert.equal(answers.filter(({ status }) => status === 429).length, 35);
  });

  test('let twenty right logins at once succeed', async (context) => {
    const gateways = [await startGateway(context, shared), await startGateway(context, shared)] as const;
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => login(gateways[index % 2 ? 1 : 0])));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  });
});
