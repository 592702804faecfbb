import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Script, Store } from '../../src/store/store.ts';
import type { RotationPolicy } from '../../src/tokens/rotation.ts';
import { StoredKeys } from '../../src/tokens/stored-keys.ts';
import { stores } from '../support/stores.ts';

const HOUR = 3_600_000;
const POLICY: RotationPolicy = { algorithm: 'ES256', rotate_every: 24 * HOUR, overlap: HOUR, tokensLiveMs: HOUR };
const NOTHING = { now: false, withdrawOthers: false };

/** What is kept, as it is. */
const READ: Script<string> = {
  name: 'read-signing-keys',
  lua: "return redis.call('GET', KEYS[1]) or ''",
  embedded: (entries, [key = '']) => entries.get<string>(key) ?? '',
};

const WRITE: Script<null> = {
  name: 'write-signing-keys',
  lua: "redis.call('SET', KEYS[1], ARGV[1], 'PX', 60000) return nil",
  embedded(entries, [key = ''], [text]) {
    entries.set(key, text, 60_000);
    return null;
  },
};

const kept = (store: Store) => store.run(READ, ['signing-keys']);

/** The `kid`s of one gateway's keys: the one that signs, and all that are published. */
function seen(keys: StoredKeys): { signing: string; published: string[] } {
  const { signing, jwks } = keys.current();
  return { signing: signing.kid, published: jwks.keys.map(({ kid }) => kid ?? '') };
}

async function started(store: Store, policy: Partial<RotationPolicy> = {}, encryptionKey?: Uint8Array) {
  const keys = new StoredKeys(store, { ...POLICY, ...policy }, encryptionKey);
  await keys.refresh();
  return keys;
}

for (const { name, open } of stores) {
  describe(`keys in ${name}`, () => {
    /** Connections to a store that has nothing yet. */
    const emptyStore = () => {
      const part = randomUUID();
      return () => open(part);
    };

    test('are one key for ten gateways that start at once, and for one that starts later', async () => {
      const connect = emptyStore();
      const gateways = await Promise.all(Array.from({ length: 10 }, () => started(connect())));
      const later = await started(connect());
      for (const gateway of gateways) assert.deepEqual(gateway.current().jwks, later.current().jwks);
      assert.equal(later.current().jwks.keys.length, 1);
    });

    test('are one next key for ten gateways that find it due at once', async () => {
      const connect = emptyStore();
      const first = await started(connect());
      // The first key is as old as it may get.
      const due = await Promise.all(Array.from({ length: 10 }, () => started(connect(), { rotate_every: HOUR })));
      await first.refresh();
      for (const gateway of due) assert.deepEqual(gateway.current().jwks, first.current().jwks);
      assert.equal(first.current().jwks.keys.length, 2);
    });

    test('take over from each other: published ahead, then signing, then withdrawn', async () => {
      const connect = emptyStore();
      const one = await started(connect(), { overlap: 300, tokensLiveMs: 300 });
      const other = await started(connect(), { overlap: 300, tokensLiveMs: 300 });
      const old = seen(one).signing;
      const { kid: next } = await one.rotate(NOTHING);
      for (const gateway of [one, other]) {
        await gateway.refresh();
        assert.deepEqual(seen(gateway), { signing: old, published: [old, next] });
      }
      await delay(310);
      // No gateway has to ask the store for that.
      for (const gateway of [one, other]) assert.deepEqual(seen(gateway), { signing: next, published: [old, next] });
      await delay(310);
      for (const gateway of [one, other]) assert.deepEqual(seen(gateway), { signing: next, published: [next] });
      await other.refresh();
      assert.ok(!(await kept(connect())).includes(old), 'a withdrawn key does not stay in the store');
    });

    test('stay the same objects, by which their tokens are remembered', async () => {
      const keys = await started(open(randomUUID()));
      const { signing } = keys.current();
      await keys.rotate(NOTHING);
      await keys.refresh();
      assert.equal(keys.current().byId.get(signing.kid), signing);
    });

    test('are given back to a store that has lost them', async () => {
      const store = open(randomUUID());
      const keys = await started(store);
      await keys.rotate(NOTHING);
      await keys.refresh();
      const text = await kept(store);
      await store.run(WRITE, ['signing-keys'], ['']);
      await keys.refresh();
      assert.equal(await kept(store), text);
      assert.equal(keys.current().byId.size, 2);
    });

    test('sign at once when an operator says so, and end the others when told to', async () => {
      const keys = await started(open(randomUUID()));
      const first = seen(keys).signing;
      const second = (await keys.rotate({ ...NOTHING, now: true })).kid;
      await keys.refresh();
      assert.deepEqual(seen(keys), { signing: second, published: [first, second] });
      await keys.rotate(NOTHING);
      const last = (await keys.rotate({ ...NOTHING, withdrawOthers: true })).kid;
      await keys.refresh();
      assert.deepEqual(seen(keys), { signing: last, published: [last] });
    });

    test('have one next key at a time', async () => {
      const keys = await started(open(randomUUID()));
      const { kid } = await keys.rotate(NOTHING);
      await assert.rejects(keys.rotate(NOTHING), (error: Error) => error.message.includes(kid));
    });

    test('of another algorithm are made when it is configured, and the old ones go on first', async () => {
      const connect = emptyStore();
      const before = await started(connect());
      const after = await started(connect(), { algorithm: 'EdDSA' });
      await before.refresh();
      for (const gateway of [before, after]) {
        assert.equal(gateway.current().signing.algorithm, 'ES256');
        assert.deepEqual(
          gateway.current().jwks.keys.map(({ alg }) => alg),
          ['ES256', 'EdDSA'],
        );
      }
    });

    test('stay as long as the longest token of any gateway lives', async () => {
      const connect = emptyStore();
      await started(connect(), { tokensLiveMs: 1 });
      await started(connect(), { tokensLiveMs: 8 * HOUR });
      const keys = await started(connect(), { tokensLiveMs: 1 });
      const { signsFromMs } = await keys.rotate({ ...NOTHING, now: true });
      const [retiring] = await keys.list();
      assert.equal(retiring?.state, 'retiring');
      assert.equal((retiring?.withdrawnAtMs ?? 0) - signsFromMs, 8 * HOUR);
    });

    test('are listed by who has not read any, and listing makes none', async () => {
      const store = open(randomUUID());
      assert.deepEqual(await new StoredKeys(store, POLICY).list(), []);
      assert.equal(await kept(store), '');
    });

    describe('encrypted', () => {
      const secret = randomBytes(32);

      test('are read by who has the encryption key, and show no private part', async () => {
        const connect = emptyStore();
        const one = await started(connect(), {}, secret);
        await one.rotate(NOTHING);
        const other = await started(connect(), {}, secret);
        await one.refresh();
        assert.deepEqual(seen(other), seen(one));
        assert.doesNotMatch(await kept(connect()), /"(d|x|kty)"/);
      });

      test('are also those that were there before, as soon as a gateway has an encryption key', async () => {
        const connect = emptyStore();
        const before = await started(connect());
        assert.match(await kept(connect()), /"d"/);
        const after = await started(connect(), {}, secret);
        assert.deepEqual(seen(after), seen(before));
        assert.doesNotMatch(await kept(connect()), /"d"/);
        const { signing } = seen(before);
        await after.rotate({ ...NOTHING, now: true });
        await assert.rejects(before.refresh(), /encrypted/);
        assert.deepEqual(seen(before), { signing, published: [signing] }, 'it goes on with what it has read');
      });

      const unreadable: [sentence: string, encryptionKey: Uint8Array | undefined][] = [
        ['another encryption key', randomBytes(32)],
        ['no encryption key', undefined],
      ];
      for (const [sentence, encryptionKey] of unreadable) {
        test(`are neither used nor replaced by a gateway with ${sentence}`, async () => {
          const connect = emptyStore();
          await started(connect(), {}, secret);
          const text = await kept(connect());
          const policy = { ...POLICY, rotate_every: HOUR };
          const other = new StoredKeys(connect(), policy, encryptionKey);
          await assert.rejects(other.refresh(), /encryption_key/);
          await assert.rejects(other.rotate(NOTHING), /encryption_key/);
          assert.equal(await kept(connect()), text);
        });
      }

      test('can be replaced all at once under another encryption key', async () => {
        const connect = emptyStore();
        await started(connect(), {}, secret);
        const another = randomBytes(32);
        const { kid } = await new StoredKeys(connect(), POLICY, another).rotate({ ...NOTHING, withdrawOthers: true });
        assert.deepEqual(seen(await started(connect(), {}, another)), { signing: kid, published: [kid] });
      });

      test('are bound to their kid', async () => {
        const connect = emptyStore();
        const keys = await started(connect(), {}, secret);
        await keys.rotate(NOTHING);
        const [first, second] = JSON.parse(await kept(connect()));
        const swapped = [
          { ...first, privateKey: second.privateKey },
          { ...second, privateKey: first.privateKey },
        ];
        await connect().run(WRITE, ['signing-keys'], [JSON.stringify(swapped)]);
        await assert.rejects(started(connect(), {}, secret), /another one inside/);
      });
    });
  });
}
