import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { MemoryStore } from '../../src/store/memory.ts';
import type { Entries, Script } from '../../src/store/store.ts';

/** Runs `body` as a script of the embedded store. */
function run<Reply>(store: MemoryStore, body: (entries: Entries) => Reply): Promise<Reply> {
  const script: Script<Reply> = { name: 'test', lua: '', embedded: body };
  return store.run(script, []);
}

describe('the embedded store', () => {
  it('refuses a new entry when it is full, and still takes an old one', async () => {
    const store = new MemoryStore({ maxEntries: 2 });
    await run(store, (entries) => {
      entries.set('a', 1, 60_000);
      entries.set('b', 1, 60_000);
    });
    await assert.rejects(
      run(store, (entries) => entries.set('c', 1, 60_000)),
      { code: 'temporarily_unavailable' },
    );
    await run(store, (entries) => entries.set('a', 2, 60_000));
    assert.equal(await run(store, (entries) => entries.get('a')), 2);
  });

  it('makes room by forgetting what has expired, wherever it stands', async () => {
    const store = new MemoryStore({ maxEntries: 3 });
    for (const [expiring, kept] of [
      ['a', 'b'],
      ['c', 'd'],
    ] as const) {
      await run(store, (entries) => {
        entries.set(expiring, 1, 20);
        entries.set(kept, 1, 60_000);
      });
      await delay(30);
    }
    await run(store, (entries) => entries.set('e', 1, 60_000));
    const left = await run(store, (entries) => ['a', 'b', 'c', 'd', 'e'].filter((key) => entries.get(key)));
    assert.deepEqual(left, ['b', 'd', 'e']);
  });

  it('never holds much more than what is alive, though nobody reads the rest', async () => {
    const store = new MemoryStore({ maxEntries: 300 });
    for (let round = 0; round < 20; round += 1) {
      await run(store, (entries) => {
        for (let index = 0; index < 100; index += 1) entries.set(`${round}:${index}`, 1, 5);
      });
      await delay(6);
    }
  });

  it('keeps its own copy of a value', async () => {
    const store = new MemoryStore();
    const value = { list: ['kept'] };
    await run(store, (entries) => entries.set('a', value, 60_000));
    value.list.push('changed by the giver');
    await run(store, (entries) => entries.get<typeof value>('a')?.list.push('changed by a reader'));
    assert.deepEqual(await run(store, (entries) => entries.get('a')), { list: ['kept'] });
  });

  it('passes on what a script throws', async () => {
    const fault = new Error('wrong script');
    await assert.rejects(
      run(new MemoryStore(), () => {
        throw fault;
      }),
      fault,
    );
  });
});
