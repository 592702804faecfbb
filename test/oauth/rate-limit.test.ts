import assert from 'node:assert/strict';
import { test } from 'node:test';
import { login, PASSWORD, redisStore, requestToken, SECRET_SHA256, startGateway } from '../support/gateway.ts';

const grants = ['password'];
const CLIENTS = [
  { id: 'web', auth: 'client_secret_basic', secret_sha256: SECRET_SHA256, grants, scopes: [], rate_limit: '3/1m' },
  { id: 'spa', auth: 'none', grants, scopes: [] },
];

test("a client's token requests are limited on all gateways together, and only its own", async (context) => {
  const store = redisStore();
  const gateways = await Promise.all([1, 2].map(() => startGateway(context, { store, clients: CLIENTS })));
  const answers = await Promise.all([0, 1, 0, 1, 0].map((which) => login(gateways[which] ?? { url: '' })));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 200, 200, 429, 429]);
  const refused = answers.find(({ status }) => status === 429);
  assert.equal(refused?.body.error, 'temporarily_unavailable');
  const retryAfter = Number(refused?.headers.get('retry-after'));
  assert.ok(retryAfter >= 1 && retryAfter <= 60);
  for (const gateway of gateways) {
    const form = { grant_type: 'password', username: 'ann', password: PASSWORD, client_id: 'spa' };
    assert.equal((await requestToken(gateway, form, {})).status, 200);
  }
});

test('requests of somebody who only claims to be the client do not count', async (context) => {
  const gateway = await startGateway(context, { clients: CLIENTS });
  const Authorization = `Basic ${Buffer.from('web:wrong').toString('base64')}`;
  for (let request = 0; request < 5; request += 1) {
    assert.equal((await requestToken(gateway, { grant_type: 'password' }, { Authorization })).status, 401);
  }
  assert.equal((await login(gateway)).status, 200);
});
