import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { login, redisStore, requestToken, startGateway, startUpstream } from '../support/gateway.ts';
import { startRedis } from '../support/redis.ts';

test('with Redis gone, /token is 503 within a second and guarded traffic goes on; when it is back, so is /token', async (context) => {
  const redis = await startRedis();
  const upstream = await startUpstream(context);
  const gateway = await startGateway(context, {
    store: { redis: redis.url },
    upstreams: { api: { targets: [upstream.url] } },
    routes: [{ path: '/read', scopes: ['read'], upstream: 'api' }],
  });
  const { body } = await login(gateway);
  const read = () => fetch(`${gateway.url}/read`, { headers: { Authorization: `Bearer ${body.access_token}` } });
  assert.equal((await read()).status, 200);

  await redis.stop();
  for (const form of [
    { grant_type: 'password', username: 'ann', password: 'correct horse' },
    { grant_type: 'refresh_token', refresh_token: body.refresh_token ?? '' },
  ]) {
    const startedAt = performance.now();
    const { status, headers, body: told } = await requestToken(gateway, form);
    assert.equal(`${status} ${told.error}`, '503 temporarily_unavailable', form.grant_type);
    assert.ok(Number(headers.get('retry-after')) >= 1);
    assert.ok(performance.now() - startedAt < 1000, form.grant_type);
  }
  assert.equal((await read()).status, 200);
  assert.equal((await fetch(`${gateway.adminUrl}/readyz`)).status, 200);
  assert.match(await (await fetch(`${gateway.adminUrl}/metrics`)).text(), /^postern_store_up 0$/m);

  const again = await startRedis(redis.port);
  context.after(again.stop);
  await delay(1200);
  assert.equal((await login(gateway)).status, 200);
});

test('a gateway whose Redis is out starts, is not ready, and is once Redis is there', async (context) => {
  const redis = await startRedis();
  await redis.stop();
  const gateway = await startGateway(context, { store: { redis: redis.url } });
  assert.equal((await fetch(`${gateway.adminUrl}/readyz`)).status, 503);
  assert.equal((await login(gateway)).status, 503);
  const later = await startRedis(redis.port);
  context.after(later.stop);
  await delay(1200);
  assert.equal((await fetch(`${gateway.adminUrl}/readyz`)).status, 200);
  assert.equal((await login(gateway)).status, 200);
});

test('a gateway that stops does not take its store to be out', async (context) => {
  const { records, stop } = await startGateway(context, { store: redisStore() });
  await stop();
  // The connection ends behind it.
  await delay(100);
  assert.deepEqual(
    records.filter(({ msg }) => msg === 'store').map(({ state }) => state),
    ['up'],
  );
});
