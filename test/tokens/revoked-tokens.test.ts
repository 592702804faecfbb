import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Store } from '../../src/store/store.ts';
import { DENY, READ_DENIALS } from '../../src/tokens/revocation-scripts.ts';
import { RevokedTokens } from '../../src/tokens/revoked-tokens.ts';
import { stores } from '../support/stores.ts';

const REVOKED = { code: 'invalid_token' };

const claims = (more = {}) => ({ jti: randomUUID(), exp: Math.floor(Date.now() / 1000) + 60, ...more });

async function follow(context: TestContext, store: Store, limit = 1000): Promise<RevokedTokens> {
  const revoked = new RevokedTokens(store, assert.ifError, limit);
  context.after(() => revoked.close());
  await revoked.follow();
  return revoked;
}

for (const { name, open } of stores) {
  describe(`revoked tokens on ${name}`, () => {
    it('a token or a session that was revoked is refused, others are not', async (context) => {
      const revoked = await follow(context, open());
      const [token, other, sid] = [claims(), claims(), randomUUID()];
      await revoked.revoke(token);
      await revoked.revokeSession(sid);
      assert.throws(() => revoked.refuse(token), REVOKED);
      assert.throws(() => revoked.refuse({ ...other, sid }), REVOKED);
      revoked.refuse(other);
      revoked.refuse({ ...other, sid: randomUUID() });
    });

    it('a session is denied for as long as the longest token that was ever expected', async (context) => {
      const [store, sid] = [open(), randomUUID()];
      const revoked = await follow(context, store);
      for (const lifetimeMs of [3_600_000, 60_000]) revoked.expect(lifetimeMs);
      await revoked.revokeSession(sid);
      const denials = await store.run(READ_DENIALS, ['revoked-tokens'], ['0', 1000]);
      const [, untilMs] = denials.find((denial) => denial.startsWith(sid))?.split(' ') ?? [];
      assert.ok(Number(untilMs) > Date.now() + 3_600_000);
    });

    it('a gateway learns what others revoked before it started, and within a second what they revoke', async (context) => {
      const [early, late] = [claims(), claims()];
      const one = await follow(context, open());
      await one.revoke(early);
      const other = await follow(context, open());
      assert.throws(() => other.refuse(early), REVOKED);
      await one.revoke(late);
      await delay(1000);
      assert.throws(() => other.refuse(late), REVOKED);
    });

    it('when the list is full nothing is forgotten: revoking is unavailable', async (context) => {
      const revoked = await follow(context, open(), 1);
      const token = claims();
      await open().run(DENY, ['revoked-tokens'], [randomUUID(), 60_000, 1000]);
      await assert.rejects(revoked.revoke(token), { code: 'temporarily_unavailable', status: 503 });
      revoked.refuse(token);
    });
  });

  describe(`the list of denials on ${name}`, () => {
    const openList = () => {
      const [store, key] = [open(), randomUUID()];
      const read = async (after: string, limit = 1000) =>
        (await store.run(READ_DENIALS, [key], [after, limit])).map(
          (denial) => denial.split(' ') as [string, string, string],
        );
      return { read, deny: (id: string, ttlMs = 60_000, limit = 1000) => store.run(DENY, [key], [id, ttlMs, limit]) };
    };
    const ids = (denials: readonly (readonly string[])[]) => denials.map(([id]) => id);

    it('is read in the order in which it was written, a page at a time, each denial once', async () => {
      const { read, deny } = openList();
      const written = Array.from({ length: 25 }, (_, index) => `t${index}`);
      for (const id of written) await deny(id);
      const found: string[] = [];
      for (let after = '0', page = await read(after, 10); page.length > 0; page = await read(after, 10)) {
        found.push(...page.map(([id]) => id));
        after = page.at(-1)?.[2] ?? '';
      }
      assert.deepEqual(found, written);
    });

    it('has everything that was written at once', async () => {
      const { read, deny } = openList();
      await Promise.all(Array.from({ length: 100 }, (_, index) => deny(`t${index}`)));
      assert.equal(new Set(ids(await read('0'))).size, 100);
    });

    it('tells when each denial ends', async () => {
      const { read, deny } = openList();
      await deny('t', 60_000);
      const [[, endsAtMs] = []] = await read('0');
      assert.ok(Math.abs(Number(endsAtMs) - Date.now() - 60_000) < 1000);
    });

    it('is read from its start by who has read further than it goes', async () => {
      const { read, deny } = openList();
      await deny('t');
      assert.deepEqual(ids(await read('9000000000000000')), ['t']);
    });

    it('loses what has ended, and with its last denial ends itself', async () => {
      const { read, deny } = openList();
      await deny('brief', 50);
      await deny('long', 60_000);
      await delay(80);
      await deny('next', 60_000);
      assert.deepEqual(ids(await read('0')), ['long', 'next']);
      const { read: readShort, deny: denyShort } = openList();
      await denyShort('brief', 50);
      await delay(80);
      assert.deepEqual(await readShort('0'), []);
    });

    it('is full at its limit, until a denial ends', async () => {
      const { deny } = openList();
      assert.equal(await deny('a', 50, 2), 'denied');
      assert.equal(await deny('b', 60_000, 2), 'denied');
      assert.equal(await deny('c', 60_000, 2), 'full');
      await delay(80);
      assert.equal(await deny('c', 60_000, 2), 'denied');
    });
  });
}
