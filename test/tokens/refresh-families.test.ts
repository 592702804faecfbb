import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Store } from '../../src/store/store.ts';
import { type FamilyGrant, RefreshFamilies, type RefreshPolicy } from '../../src/tokens/refresh-families.ts';
import { RevokedTokens } from '../../src/tokens/revoked-tokens.ts';
import { stores } from '../support/stores.ts';

const GRANT: FamilyGrant = {
  clientId: 'travel',
  user: {
    store: 'staff',
    username: 'johndoe',
    sub: 'u-1001',
    attributes: { cn: '1001', groups: ['agents'], on: true },
  },
  scope: ['countries.read', 'countries.write'],
  authTime: 1_700_000_000,
  address: '192.0.2.1',
};
const WITH_GRACE: RefreshPolicy = { idle_ttl: 60_000, max_ttl: 600_000, rotate: true, retry_grace: 5000 };
const WITHOUT_GRACE: RefreshPolicy = { ...WITH_GRACE, retry_grace: 0 };
const WITHOUT_ROTATION: RefreshPolicy = { ...WITH_GRACE, rotate: false };
const OURS = { clientId: 'travel' };
const INVALID_GRANT = { code: 'invalid_grant', status: 400 };

const openFamilies = (store: Store, onEnd?: (grant: FamilyGrant) => void) =>
  new RefreshFamilies(store, new RevokedTokens(store), onEnd);

/** `token` with byte `at` changed: 0-15 family, 16-19 generation, 20-51 secret, then whom it is for. */
function changed(token: string, at: number): string {
  const bytes = Buffer.from(token, 'base64url');
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  return bytes.toString('base64url');
}

function secretOf(token: string): Buffer {
  return Buffer.from(token, 'base64url').subarray(20, 52);
}

/** `token` with whom `other` is for. */
function withSubjectOf(token: string, other: string): string {
  const bytesOf = (text: string) => Buffer.from(text, 'base64url');
  return Buffer.concat([bytesOf(token).subarray(0, 52), bytesOf(other).subarray(52)]).toString('base64url');
}

function withGeneration(token: string, generation: number): string {
  const bytes = Buffer.from(token, 'base64url');
  bytes.writeUInt32BE(generation, 16);
  return bytes.toString('base64url');
}

for (const { name, open } of stores) {
  describe(`refresh families on ${name}`, { concurrency: true }, () => {
    let families: RefreshFamilies;
    let store: Store;
    before(() => {
      store = open();
      families = openFamilies(store);
    });
    const start = async (grant: FamilyGrant, policy: RefreshPolicy) => (await families.start(grant, policy)).token;

    const useOnce = async (token: string, policy = WITH_GRACE) => (await families.use(token, OURS, policy)).token;
    const assertGood = async (token: string) => assert.ok(await useOnce(token));
    const assertRefused = (token: string, policy = WITH_GRACE) => assert.rejects(useOnce(token, policy), INVALID_GRANT);

    it('a token gives back the grant that it was made for, and a successor', async () => {
      const first = await start(GRANT, WITH_GRACE);
      const { grant, token: second } = await families.use(first, OURS, WITH_GRACE);
      assert.deepEqual(grant, GRANT);
      assert.notEqual(second, first);
      assert.deepEqual((await families.use(second, OURS, WITH_GRACE)).grant, GRANT);
    });

    it('no two tokens are the same, and each has 256 bits that are its own', async () => {
      const tokens = [await start(GRANT, WITH_GRACE), await start(GRANT, WITH_GRACE)];
      tokens.push(await useOnce(tokens[0] ?? ''), await useOnce(tokens[1] ?? ''));
      const secrets = tokens.map((token) => secretOf(token).toString('hex'));
      assert.equal(new Set(secrets).size, 4);
      assert.ok(secrets.every((secret) => secret.length === 64));
    });

    it('a lost answer can be asked for again within the grace: the same successor', async () => {
      const first = await start(GRANT, WITH_GRACE);
      const second = await useOnce(first);
      assert.equal(await useOnce(first), second);
      assert.deepEqual((await families.use(first, OURS, WITH_GRACE)).grant, GRANT);
      await assertGood(second);
    });

    it('using the successor ends the grace', async () => {
      const first = await start(GRANT, WITH_GRACE);
      const third = await useOnce(await useOnce(first));
      await assertRefused(first);
      await assertRefused(third);
    });

    it('a token that comes back after the grace ends its family', async () => {
      const policy = { ...WITH_GRACE, retry_grace: 50 };
      const first = await start(GRANT, policy);
      const second = await useOnce(first, policy);
      await delay(80);
      await assertRefused(first, policy);
      await assertRefused(second, policy);
    });

    it('a token that comes back where there is no grace ends its family', async () => {
      const first = await start(GRANT, WITHOUT_GRACE);
      const second = await useOnce(first, WITHOUT_GRACE);
      await assertRefused(first, WITHOUT_GRACE);
      await assertRefused(second, WITHOUT_GRACE);
    });

    it('a token that was used long ago ends its family', async () => {
      const first = await start(GRANT, WITH_GRACE);
      let last = first;
      for (let use = 0; use < 4; use += 1) last = await useOnce(last);
      await assertRefused(first);
      await assertRefused(last);
    });

    it('whoever ends a family is told of its grant, once', async () => {
      const ended: FamilyGrant[] = [];
      const told = openFamilies(store, (grant) => ended.push(grant));
      const grants = ['reused', 'revoked', 'ended'].map((carry) => ({ ...GRANT, carry }));
      const [reused, revoked, byId] = await Promise.all(grants.map((grant) => told.start(grant, WITHOUT_GRACE)));
      await told.use(reused?.token ?? '', OURS, WITHOUT_GRACE);
      await assert.rejects(told.use(reused?.token ?? '', OURS, WITHOUT_GRACE), INVALID_GRANT);
      await told.revoke(revoked?.token ?? '', OURS);
      await told.revoke(revoked?.token ?? '', OURS);
      assert.deepEqual([await told.end(byId?.sessionId ?? ''), await told.end(byId?.sessionId ?? '')], [true, false]);
      assert.deepEqual(ended, grants);
    });

    it('ending one family leaves the others', async () => {
      const first = await start(GRANT, WITHOUT_GRACE);
      const other = await start(GRANT, WITHOUT_GRACE);
      await useOnce(first, WITHOUT_GRACE);
      await assertRefused(first, WITHOUT_GRACE);
      await assertGood(other);
    });

    it('sixteen uses at once give one successor', async () => {
      const first = await start(GRANT, WITH_GRACE);
      const successors = await Promise.all(Array.from({ length: 16 }, () => useOnce(first)));
      assert.equal(new Set(successors).size, 1);
      await assertGood(successors[0] ?? '');
    });

    it('sixteen uses at once give one success where there is no grace', async () => {
      const first = await start(GRANT, WITHOUT_GRACE);
      const uses = await Promise.allSettled(Array.from({ length: 16 }, () => useOnce(first, WITHOUT_GRACE)));
      assert.equal(uses.filter(({ status }) => status === 'fulfilled').length, 1);
    });

    it('without rotation the token stays the same, and its idle lifetime begins anew', async () => {
      const policy = { ...WITHOUT_ROTATION, idle_ttl: 1500 };
      const token = await start(GRANT, policy);
      for (let use = 0; use < 4; use += 1) {
        await delay(500);
        assert.equal(await useOnce(token, policy), token);
      }
    });

    it('a token that is not used in its idle lifetime expires', async () => {
      const policy = { ...WITH_GRACE, idle_ttl: 100 };
      const token = await useOnce(await start(GRANT, WITH_GRACE), policy);
      await delay(150);
      await assertRefused(token, policy);
    });

    it('a family ends with its absolute lifetime, however often it is used', async () => {
      const policy = { ...WITH_GRACE, idle_ttl: 2000, max_ttl: 3000 };
      let token = await start(GRANT, policy);
      for (let use = 0; use < 2; use += 1) {
        await delay(700);
        token = await useOnce(token, policy);
      }
      await delay(1700);
      await assertRefused(token, policy);
    });

    it('a narrower scope leaves the grant as it was', async () => {
      const first = await start(GRANT, WITH_GRACE);
      const { grant, token } = await families.use(first, { ...OURS, scope: ['countries.read'] }, WITH_GRACE);
      assert.deepEqual(grant.scope, GRANT.scope);
      assert.ok(await families.use(token, { ...OURS, scope: GRANT.scope }, WITH_GRACE));
    });

    for (const scope of [
      ['countries.read', 'admin'],
      ['countries'],
      ['read'],
      ['countries.rea.'],
      ['countries.read countries.writ'],
      ['.*'],
      ['countries.read\tcountries.write'],
    ]) {
      it(`asking for ${JSON.stringify(scope)} is asking for too much, and uses nothing up`, async () => {
        const token = await start(GRANT, WITHOUT_GRACE);
        const tooWide = families.use(token, { ...OURS, scope }, WITHOUT_GRACE);
        await assert.rejects(tooWide, { code: 'invalid_scope', status: 400 });
        assert.ok(await families.use(token, { ...OURS, scope: ['countries.write'] }, WITHOUT_GRACE));
      });
    }

    it('a token and its successors say whom they are for, to every gateway on the store', async () => {
      const subject = { store: 'staff', username: 'johndoe' };
      const first = await start(GRANT, WITH_GRACE);
      const [second, asked] = [await useOnce(first), await useOnce(first)];
      const other = openFamilies(open());
      for (const token of [first, second, asked, await useOnce(second)]) {
        assert.deepEqual(await families.subjectOf(token), subject);
        assert.deepEqual(await other.subjectOf(token), subject);
      }
    });

    it('whom a token is for cannot be read elsewhere, nor put into another token', async () => {
      const [token, other] = [await start(GRANT, WITH_GRACE), await start(GRANT, WITH_GRACE)];
      assert.ok(!Buffer.from(token, 'base64url').includes('johndoe'));
      assert.equal(await openFamilies(open('of another gateway')).subjectOf(token), undefined);
      assert.equal(await families.subjectOf(withSubjectOf(token, other)), undefined);
      assert.equal(await families.subjectOf(changed(token, 80)), undefined);
      assert.equal(await families.subjectOf('a'.repeat(40)), undefined);
    });

    it('a login that carries a session has it in its family, and a short token', async () => {
      const token = await start({ ...GRANT, carry: 'sealed' }, WITH_GRACE);
      assert.equal(await families.subjectOf(token), undefined);
      assert.equal((await families.peek(token, OURS))?.grant.carry, 'sealed');
      assert.equal(token.length, 70);
    });

    it("another client is refused, and the owner's token stays good", async () => {
      const first = await start(GRANT, WITHOUT_GRACE);
      await assert.rejects(families.use(first, { clientId: 'other' }, WITHOUT_GRACE), INVALID_GRANT);
      const second = await useOnce(first, WITHOUT_GRACE);
      await assert.rejects(families.use(first, { clientId: 'other' }, WITHOUT_GRACE), INVALID_GRANT);
      await assertGood(second);
    });

    const garbage: Record<string, (good: string) => string> = {
      'nothing at all': () => '',
      'something else': () => 'a'.repeat(40),
      'a token with an unknown family': (good) => changed(good, 0),
      'a token with a wrong secret': (good) => changed(good, 51),
      'a token for somebody else': (good) => changed(good, 80),
      'a token for nobody': (good) => withSubjectOf(good, ''),
      'a token of a generation to come': (good) => withGeneration(good, 3),
      'a token of a generation far away': (good) => withGeneration(good, 0xffff_ffff),
      'the predecessor with a wrong secret': (good) => withGeneration(good, 1),
      'a token with something behind it': (good) => `${good}A`,
      'a token with padding': (good) => `${good}==`,
      'a token with a newline': (good) => `${good}\n`,
      'a token in the alphabet of plain base64': (good) => `${good.slice(0, -3)}+/${good.slice(-1)}`,
      'another spelling of the same bytes': (good) =>
        good.slice(0, -1) + String.fromCharCode(good.charCodeAt(good.length - 1) + 1),
    };
    for (const [what, make] of Object.entries(garbage)) {
      it(`${what} is refused and does no harm`, async () => {
        const good = await useOnce(await start(GRANT, WITHOUT_GRACE), WITHOUT_GRACE);
        const bad = make(good);
        assert.notEqual(bad, good);
        await assertRefused(bad, WITHOUT_GRACE);
        await families.revoke(bad, OURS);
        await assertGood(good);
      });
    }

    it('revoking ends the family, by its newest token and by older ones', async () => {
      for (const age of [0, 1, 2]) {
        const tokens = [await start(GRANT, WITH_GRACE)];
        for (let use = 0; use < 3; use += 1) tokens.push(await useOnce(tokens.at(-1) ?? ''));
        await families.revoke(tokens.at(-1 - age) ?? '', OURS);
        await assertRefused(tokens.at(-1) ?? '');
      }
    });

    it("revoking another client's token, or one that is revoked, changes nothing and is no error", async () => {
      const token = await start(GRANT, WITH_GRACE);
      await families.revoke(token, { clientId: 'other' });
      await assertGood(token);
      await families.revoke(token, OURS);
      await families.revoke(token, OURS);
    });
  });
}

describe('what the store holds of a family', () => {
  it('has neither a token nor a secret of one in it', async () => {
    const written: string[] = [];
    const recording: Store = {
      run: async (script, keys, args = []) => {
        written.push(...keys, ...args.map(String));
        return (stores[0] as (typeof stores)[0]).open().run(script, keys, args);
      },
      ping: async () => {},
      close: async () => {},
    };
    const families = openFamilies(recording);
    const { token: first } = await families.start(GRANT, WITH_GRACE);
    const { token: second } = await families.use(first, OURS, WITH_GRACE);
    const known = written.join('\n');
    for (const token of [first, second]) {
      const secret = secretOf(token);
      for (const encoding of ['base64url', 'base64', 'hex'] as const) {
        assert.ok(!known.includes(secret.toString(encoding)));
      }
      assert.ok(!known.includes(token));
    }
  });
});
