import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Script, Store } from '../../src/store/store.ts';
import { stores } from '../support/stores.ts';

const PUT: Script<null> = {
  name: 'put',
  lua: `redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return nil`,
  embedded(entries, [key = ''], [value, ttlMs]) {
    entries.set(key, value, Number(ttlMs));
    return null;
  },
};

const GET: Script<string | null> = {
  name: 'get',
  lua: `local value = redis.call('GET', KEYS[1]) if value then return value end return nil`,
  embedded: (entries, [key = '']) => entries.get<string>(key) ?? null,
};

const TAKE: Script<string | null> = {
  name: 'take',
  lua: `local value = redis.call('GET', KEYS[1]) redis.call('DEL', KEYS[1]) if value then return value end return nil`,
  embedded(entries, [key = '']) {
    const value = entries.get<string>(key);
    entries.delete(key);
    return value ?? null;
  },
};

const COUNT: Script<number> = {
  name: 'count',
  lua: `local count = redis.call('INCR', KEYS[1]) redis.call('PEXPIRE', KEYS[1], 60000) return count`,
  embedded(entries, [key = '']) {
    const count = (entries.get<number>(key) ?? 0) + 1;
    entries.set(key, count, 60_000);
    return count;
  },
};

const ECHO: Script<readonly unknown[]> = {
  name: 'echo',
  lua: `return {ARGV[1], tonumber(ARGV[2]), #KEYS}`,
  embedded: (_entries, keys, [first, second]) => [first, Number(second), keys.length],
};

for (const { name, open } of stores) {
  describe(`on ${name}`, () => {
    let store: Store;
    before(() => {
      store = open();
    });

    it('a value is read back as it was kept', async () => {
      await store.run(PUT, ['{a}'], ['läuft\0{}', 60_000]);
      assert.equal(await store.run(GET, ['{a}']), 'läuft\0{}');
    });

    it('a key that was never kept is nothing', async () => {
      assert.equal(await store.run(GET, ['{never}']), null);
    });

    it('a value that was taken is gone', async () => {
      await store.run(PUT, ['{b}'], ['once', 60_000]);
      assert.equal(await store.run(TAKE, ['{b}']), 'once');
      assert.equal(await store.run(TAKE, ['{b}']), null);
    });

    it('a value is gone when its time is over, and not before', async () => {
      await store.run(PUT, ['{c}'], ['brief', 300]);
      assert.equal(await store.run(GET, ['{c}']), 'brief');
      await delay(350);
      assert.equal(await store.run(GET, ['{c}']), null);
    });

    it('keeping a value again gives it a new time', async () => {
      await store.run(PUT, ['{d}'], ['old', 100]);
      await store.run(PUT, ['{d}'], ['new', 60_000]);
      await delay(150);
      assert.equal(await store.run(GET, ['{d}']), 'new');
    });

    it('arguments arrive as text, replies keep texts apart from numbers', async () => {
      assert.deepEqual(await store.run(ECHO, ['{e}', '{e}:2'], ['7', 7]), ['7', 7, 2]);
    });

    it('two hundred scripts at once come one after the other', async () => {
      const counts = await Promise.all(Array.from({ length: 200 }, () => store.run(COUNT, ['{f}'])));
      assert.deepEqual(
        counts.sort((a, b) => a - b),
        Array.from({ length: 200 }, (_, index) => index + 1),
      );
    });

    it('a store that answers answers a ping', async () => {
      await store.ping();
    });
  });
}
