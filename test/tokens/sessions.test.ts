import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Store } from '../../src/store/store.ts';
import { RefreshFamilies } from '../../src/tokens/refresh-families.ts';
import { RevokedTokens } from '../../src/tokens/revoked-tokens.ts';
import { SessionIndex } from '../../src/tokens/session-index.ts';
import { Sessions } from '../../src/tokens/sessions.ts';
import { stores } from '../support/stores.ts';

const POLICY = { idle_ttl: 60_000, max_ttl: 600_000, rotate: true, retry_grace: 0 };

for (const { name, open } of stores) {
  describe(`sessions on ${name}`, { concurrency: true }, () => {
    let store: Store;
    let revoked: RevokedTokens;
    let families: RefreshFamilies;
    let sessions: Sessions;
    before(() => {
      store = open();
      revoked = new RevokedTokens(store);
      families = new RefreshFamilies(store, revoked);
      sessions = new Sessions(families, store);
    });

    const start = (username: string, clientId = 'web', policy = POLICY, into = families) => {
      const user = { store: 'staff', username, sub: `u-${username}`, attributes: {} };
      return into.start({ clientId, user, scope: ['read'], authTime: 1_700_000_000, address: '192.0.2.1' }, policy);
    };
    const idsOf = async (username: string) => (await sessions.list(username)).map(({ sessionId }) => sessionId);

    it("are a user's, under every spelling that a user store may take for the same name", async () => {
      const unique = randomUUID();
      const [one, two] = [await start(`Zo\u00eb-${unique}`), await start(`zoe\u0308-${unique}`)];
      await start(randomUUID());
      assert.deepEqual((await idsOf(`ZO\u00cb-${unique}`)).sort(), [one.sessionId, two.sessionId].sort());
      assert.deepEqual(await idsOf(randomUUID()), []);
    });

    it('tell who logged in, where, and when the session was used and ends', async () => {
      const username = randomUUID();
      const { token, sessionId } = await start(username);
      const [before] = await sessions.list(username);
      await delay(20);
      await families.use(token, { clientId: 'web' }, POLICY);
      const [after] = await sessions.list(username);
      assert.equal(after?.sessionId, sessionId);
      assert.deepEqual(after?.grant, before?.grant);
      assert.equal(after?.grant.address, '192.0.2.1');
      const { usedAtMs = 0, expiresAtMs = 0, endsAtMs = 0 } = after ?? {};
      assert.ok(usedAtMs > (before?.usedAtMs ?? 0));
      assert.equal(expiresAtMs, usedAtMs + POLICY.idle_ttl);
      assert.equal(endsAtMs, (before?.usedAtMs ?? 0) + POLICY.max_ttl);
    });

    it('that have expired are not listed any more', async () => {
      const username = randomUUID();
      await start(username, 'web', { ...POLICY, idle_ttl: 50 });
      const { sessionId } = await start(username);
      await delay(80);
      assert.deepEqual(await idsOf(username), [sessionId]);
      assert.deepEqual(await new SessionIndex(store).list(username), [sessionId], 'and are forgotten');
    });

    it('end with their refresh tokens and access tokens, of one client or of all', async () => {
      const username = randomUUID();
      const [web, app] = [await start(username), await start(username, 'app')];
      assert.equal(await sessions.endAll(username, 'app'), 1);
      assert.deepEqual(await idsOf(username), [web.sessionId]);
      await assert.rejects(families.use(app.token, { clientId: 'app' }, POLICY), { code: 'invalid_grant' });
      assert.throws(() => revoked.refuse({ sid: app.sessionId }), { code: 'invalid_token' });
      revoked.refuse({ sid: web.sessionId });
      assert.equal(await sessions.endAll(username), 1);
      assert.equal(await sessions.endAll(username), 0);
    });

    it('one can be ended by its id, once', async () => {
      const { sessionId } = await start(randomUUID());
      assert.equal(await sessions.end(sessionId), true);
      assert.equal(await sessions.end(sessionId), false);
    });

    it('are bounded: a login ends the session that has the least time left', async () => {
      const username = randomUUID();
      const few = new RefreshFamilies(store, revoked, undefined, new SessionIndex(store, 2));
      const [long, brief] = [await start(username), await start(username, 'web', { ...POLICY, max_ttl: 90_000 })];
      const third = await start(username, 'web', POLICY, few);
      assert.deepEqual((await idsOf(username)).sort(), [long.sessionId, third.sessionId].sort());
      await assert.rejects(few.use(brief.token, { clientId: 'web' }, POLICY), { code: 'invalid_grant' });
    });

    it('have an id that leads back to no token', async () => {
      const { token, sessionId } = await start(randomUUID());
      const bytes = Buffer.from(token, 'base64url');
      Buffer.from(sessionId, 'base64url').copy(bytes);
      bytes.writeUInt32BE(0, 16);
      const forged = bytes.toString('base64url');
      await families.revoke(forged, { clientId: 'web' });
      assert.ok(await families.use(token, { clientId: 'web' }, POLICY));
    });
  });
}
