import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { parse, stringify } from 'yaml';
import {
  BASIC,
  login,
  type RunningGateway,
  redisStore,
  requestToken,
  SECRET_SHA256,
  startGateway,
} from '../support/gateway.ts';

const OTHER = `Basic ${Buffer.from('other:s3cret').toString('base64')}`;

const clients = (refresh: object) => [
  {
    id: 'web',
    auth: 'client_secret_basic',
    secret_sha256: SECRET_SHA256,
    grants: ['password', 'refresh_token'],
    scopes: ['read', 'write'],
    refresh,
  },
  {
    id: 'other',
    auth: 'client_secret_basic',
    secret: 's3cret',
    grants: ['password', 'refresh_token'],
    scopes: ['read'],
  },
];

function refresh(gateway: Pick<RunningGateway, 'url'>, token: string | undefined, form = {}, authorization = BASIC) {
  const all = { grant_type: 'refresh_token', refresh_token: token ?? '', ...form };
  return requestToken(gateway, all, { Authorization: authorization });
}

for (const [name, store] of [
  ['the embedded store', () => ({})],
  ['Redis', redisStore],
] as const) {
  const start = (context: Parameters<typeof startGateway>[0], policy: object) =>
    startGateway(context, { store: store(), clients: clients(policy) });

  describe(`refreshing with ${name}`, () => {
    test('gives a new access token, for the same user and login, and a new refresh token', async (context) => {
      const gateway = await start(context, {});
      const first = (await login(gateway)).body;
      const { status, body } = await refresh(gateway, first.refresh_token);
      assert.equal(status, 200);
      assert.notEqual(body.refresh_token, first.refresh_token);
      assert.equal(body.scope, 'read write');
      const [before, after] = [first, body].map(({ access_token }) => decodeJwt(access_token ?? ''));
      assert.equal(after?.sub, before?.sub);
      assert.equal(after?.auth_time, before?.auth_time);
      assert.deepEqual(after?.customData, { cn: '1001' });
      assert.notEqual(after?.jti, before?.jti);
    });

    test('with a narrower scope narrows that access token and not the family', async (context) => {
      const gateway = await start(context, {});
      const narrow = (await refresh(gateway, (await login(gateway)).body.refresh_token, { scope: 'read' })).body;
      assert.equal(narrow.scope, 'read');
      assert.equal((await refresh(gateway, narrow.refresh_token)).body.scope, 'read write');
    });

    test('with a wider scope is refused, and the token stays good', async (context) => {
      const gateway = await start(context, {});
      const { body } = await login(gateway, { scope: 'read' });
      const wider = await refresh(gateway, body.refresh_token, { scope: 'read write' });
      assert.equal(`${wider.status} ${wider.body.error}`, '400 invalid_scope');
      assert.equal((await refresh(gateway, body.refresh_token)).status, 200);
    });

    test("with another client's token is refused, and the owner's stays good", async (context) => {
      const gateway = await start(context, {});
      const { body } = await login(gateway);
      const stolen = await refresh(gateway, body.refresh_token, {}, OTHER);
      assert.equal(`${stolen.status} ${stolen.body.error}`, '400 invalid_grant');
      assert.equal((await refresh(gateway, body.refresh_token)).status, 200);
    });

    test('twice without a grace is refused, and ends the whole family', async (context) => {
      const gateway = await start(context, { retry_grace: '0s' });
      const first = (await login(gateway)).body.refresh_token;
      const second = (await refresh(gateway, first)).body.refresh_token;
      assert.equal((await refresh(gateway, first)).body.error, 'invalid_grant');
      assert.equal((await refresh(gateway, second)).body.error, 'invalid_grant');
    });

    test('again within the grace gives the same successor, until that is used', async (context) => {
      const gateway = await start(context, { retry_grace: '10s' });
      const first = (await login(gateway)).body.refresh_token;
      const second = (await refresh(gateway, first)).body.refresh_token;
      assert.equal((await refresh(gateway, first)).body.refresh_token, second);
      assert.equal((await refresh(gateway, second)).status, 200);
      assert.equal((await refresh(gateway, first)).body.error, 'invalid_grant');
    });

    test('sixteen times at once gives one successor', async (context) => {
      const gateway = await start(context, { retry_grace: '10s' });
      const { refresh_token } = (await login(gateway)).body;
      const answers = await Promise.all(Array.from({ length: 16 }, () => refresh(gateway, refresh_token)));
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
      assert.equal(new Set(answers.map(({ body }) => body.refresh_token)).size, 1);
    });

    test('sixteen times at once without a grace gives one success', async (context) => {
      const gateway = await start(context, { retry_grace: '0s' });
      const { refresh_token } = (await login(gateway)).body;
      const answers = await Promise.all(Array.from({ length: 16 }, () => refresh(gateway, refresh_token)));
      assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    });

    test('a token that is not used for idle_ttl is refused', async (context) => {
      const gateway = await start(context, { idle_ttl: '300ms', retry_grace: '0s' });
      const { refresh_token } = (await login(gateway)).body;
      await delay(350);
      assert.equal((await refresh(gateway, refresh_token)).body.error, 'invalid_grant');
    });

    test('a family ends after max_ttl, however often it is used', async (context) => {
      const gateway = await start(context, { max_ttl: '600ms', idle_ttl: '600ms', retry_grace: '0s' });
      let token = (await login(gateway)).body.refresh_token;
      await delay(350);
      token = (await refresh(gateway, token)).body.refresh_token;
      assert.ok(token);
      await delay(350);
      assert.equal((await refresh(gateway, token)).body.error, 'invalid_grant');
    });

    test('without rotation the same token stays good', async (context) => {
      const gateway = await start(context, { rotate: false });
      const { refresh_token } = (await login(gateway)).body;
      for (let use = 0; use < 3; use += 1) {
        assert.equal((await refresh(gateway, refresh_token)).body.refresh_token, refresh_token);
      }
    });

    test('a user who is gone or disabled gets no more tokens; changed attributes show', async (context) => {
      const gateway = await start(context, {});
      const change = async (edit: (users: Record<string, { disabled?: boolean; attributes?: object }>) => void) => {
        const file = join(gateway.directory, 'users.yaml');
        const users = parse(readFileSync(file, 'utf8'));
        edit(users);
        writeFileSync(file, stringify(users));
        await gateway.gateway.reload();
      };
      const ann = (await login(gateway)).body;
      const bob = (await login(gateway, { username: 'bob' })).body;
      await change((users) => {
        users.ann = { ...users.ann, attributes: { sub: 'u-1', cn: '2002' } };
        delete users.bob;
      });
      const next = (await refresh(gateway, ann.refresh_token)).body;
      assert.deepEqual(decodeJwt(next.access_token ?? '').customData, { cn: '2002' });
      assert.equal((await refresh(gateway, bob.refresh_token)).body.error, 'invalid_grant');
      await change((users) => {
        users.ann = { ...users.ann, disabled: true };
      });
      assert.equal((await refresh(gateway, next.refresh_token)).body.error, 'invalid_grant');
    });
  });
}
