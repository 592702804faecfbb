import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import {
  login,
  type RunningGateway,
  redisStore,
  requestToken,
  SECRET_SHA256,
  startGateway,
} from '../support/gateway.ts';

/** A user store that costs nobody their session when it is out, however often and by how many it is asked meanwhile. */

const directory = mkdtempSync(join(tmpdir(), 'postern-people-'));
const state = join(directory, 'state');
const people = join(directory, 'people.mjs');
writeFileSync(
  people,
  `import { readFileSync } from 'node:fs';
export default {
  verify: async () => ({ outcome: 'accepted', attributes: { sub: 'u-1' } }),
  lookup: async () => {
    const state = () => readFileSync(${JSON.stringify(state)}, 'utf8');
    while (state() === 'slow') await new Promise((resolve) => setTimeout(resolve, 10));
    if (state() === 'out') throw new Error('connection refused');
    return state() === 'gone' ? undefined : { attributes: { sub: 'u-1' } };
  },
};
`,
);
const turn = (to: 'there' | 'slow' | 'out' | 'gone') => writeFileSync(state, to);
after(() => rmSync(directory, { recursive: true }));

const KINDS = { grants: ['password', 'refresh_token'], auth: 'client_secret_basic', secret_sha256: SECRET_SHA256 };

async function refresh(gateway: RunningGateway, token = '', scope = 'read') {
  const { status, body } = await requestToken(gateway, { grant_type: 'refresh_token', refresh_token: token, scope });
  return { verdict: `${status} ${body.error ?? 'granted'}`, next: body.refresh_token };
}

for (const [name, store] of [
  ['the embedded store', () => ({})],
  ['Redis', redisStore],
] as const) {
  describe(`while a user store is out, with ${name}`, () => {
    beforeEach(() => turn('there'));

    const start = async (context: Parameters<typeof startGateway>[0], policy: object) => {
      const gateway = await startGateway(context, {
        store: store(),
        clients: [{ id: 'web', ...KINDS, scopes: ['read', 'write'], refresh: policy }],
        users: { staff: { type: 'module', path: people } },
      });
      return { gateway, first: (await login(gateway, { scope: 'read' })).body.refresh_token };
    };

    for (const [sentence, policy, again] of [
      ['without a grace', { retry_grace: '0s' }, '400 invalid_grant'],
      ['with a grace', { retry_grace: '10s' }, '200 granted'],
      ['without rotation', { rotate: false }, '200 granted'],
    ] as const) {
      test(`refreshing ${sentence} is 503, and sixteen times at once; the token is good afterwards`, async (context) => {
        const { gateway, first } = await start(context, policy);
        turn('out');
        const answers = await Promise.all(Array.from({ length: 16 }, () => refresh(gateway, first)));
        assert.deepEqual(new Set(answers.map(({ verdict }) => verdict)), new Set(['503 temporarily_unavailable']));
        turn('there');
        const { verdict, next } = await refresh(gateway, first);
        assert.equal(verdict, '200 granted');
        assert.equal((await refresh(gateway, first)).verdict, again);
        assert.equal((await refresh(gateway, next)).verdict, again);
      });
    }

    test('who asks again before the user store has failed loses nothing, where there is no grace either', async (context) => {
      const { gateway, first } = await start(context, { retry_grace: '0s' });
      turn('slow');
      const given = refresh(gateway, first);
      await delay(50);
      const again = refresh(gateway, first);
      await delay(50);
      turn('out');
      const verdicts = [(await given).verdict, (await again).verdict];
      assert.deepEqual(verdicts, Array(2).fill('503 temporarily_unavailable'));
      turn('there');
      assert.equal((await refresh(gateway, first)).verdict, '200 granted');
    });

    test('a token in its grace stays in it', async (context) => {
      const { gateway, first } = await start(context, { retry_grace: '10s' });
      const { next } = await refresh(gateway, first);
      turn('out');
      assert.equal((await refresh(gateway, first)).verdict, '503 temporarily_unavailable');
      turn('there');
      assert.deepEqual(await refresh(gateway, first), { verdict: '200 granted', next });
      assert.equal((await refresh(gateway, next)).verdict, '200 granted');
    });

    test('a token that comes back gets nothing, and ends its family when it comes again', async (context) => {
      const { gateway, first } = await start(context, { retry_grace: '0s' });
      const { next } = await refresh(gateway, first);
      turn('out');
      assert.equal((await refresh(gateway, first)).verdict, '503 temporarily_unavailable');
      turn('there');
      assert.equal((await refresh(gateway, first)).verdict, '400 invalid_grant');
      assert.equal((await refresh(gateway, next)).verdict, '400 invalid_grant');
    });

    test('who asks for too much is told so afterwards, and then not', async (context) => {
      const { gateway, first } = await start(context, { retry_grace: '0s' });
      turn('out');
      assert.equal((await refresh(gateway, first, 'read write')).verdict, '503 temporarily_unavailable');
      turn('there');
      assert.equal((await refresh(gateway, first, 'read write')).verdict, '400 invalid_scope');
      assert.equal((await refresh(gateway, first)).verdict, '200 granted');
    });

    for (const [sentence, uses] of [
      ['a user who is gone', 0],
      ['a user who is gone, with a token in its grace,', 1],
    ] as const) {
      test(`${sentence} has to log in again, also when they come back`, async (context) => {
        const { gateway, first } = await start(context, { retry_grace: '10s' });
        const { next } = uses > 0 ? await refresh(gateway, first) : { next: first };
        turn('gone');
        assert.equal((await refresh(gateway, first)).verdict, '400 invalid_grant');
        turn('there');
        assert.equal((await refresh(gateway, first)).verdict, '400 invalid_grant');
        assert.equal((await refresh(gateway, next)).verdict, '400 invalid_grant');
      });
    }
  });
}

test('where users cannot be looked up, they stay as they were at the login', async (context) => {
  const silent = join(directory, 'silent.mjs');
  const verdict = { outcome: 'accepted', attributes: { sub: 'u-7', cn: '7007' } };
  writeFileSync(silent, `export default { verify: async () => (${JSON.stringify(verdict)}) };`);
  const gateway = await startGateway(context, { users: { staff: { type: 'module', path: silent } } });
  const { refresh_token = '' } = (await login(gateway)).body;
  const { body } = await requestToken(gateway, { grant_type: 'refresh_token', refresh_token });
  const { sub, customData } = decodeJwt(body.access_token ?? '');
  assert.deepEqual([sub, customData], ['u-7', { cn: '7007' }]);
});
