import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client as clientSchema } from '../../src/config/client-section.ts';
import { tokens } from '../../src/config/schema.ts';
import { unavailable } from '../../src/errors.ts';
import { RefreshTokenGrant } from '../../src/oauth/grants/refresh-token.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { CarriedSessions } from '../../src/tokens/carried-sessions.ts';
import { RefreshFamilies } from '../../src/tokens/refresh-families.ts';
import { RevokedTokens } from '../../src/tokens/revoked-tokens.ts';
import { UserStores } from '../../src/users/user-stores.ts';

test('a refresh token that came while its user store was out is still good afterwards', async () => {
  const user = { sub: 'u-1', username: 'ann', attributes: {} };
  let isOut = true;
  const lookup = async () => {
    if (isOut) throw unavailable(new Error('connection refused'));
    return user;
  };
  const directory = {
    verify: async () => ({ outcome: 'unknown' }) as const,
    decoy: async () => {},
    close: async () => {},
  };
  const users = new UserStores(new Map([['directory', { ...directory, lookup }]]));
  const store = new MemoryStore();
  const families = new RefreshFamilies(store, new RevokedTokens(store));
  const carried = new CarriedSessions(store, tokens.parse({ issuer: 'https://a', audience: 'https://a' }));
  const grant = new RefreshTokenGrant({ families, users, carried });
  const client = clientSchema.parse({
    id: 'app',
    auth: 'none',
    grants: ['password', 'refresh_token'],
    scopes: ['read'],
    refresh: { retry_grace: '0s' },
  });
  const login = { clientId: 'app', user: { ...user, store: 'directory' }, scope: ['read'], authTime: 0, address: '' };
  const { token } = await families.start(login, client.refresh);
  const form = new Map([['refresh_token', token]]);
  const refresh = () => grant.authorize({ form, client, confirmation: undefined, address: '', requestId: '' });

  await assert.rejects(refresh(), { code: 'temporarily_unavailable' });
  isOut = false;
  assert.equal((await refresh()).grant.subject, 'u-1');
  await assert.rejects(refresh(), { code: 'invalid_grant' });
});
