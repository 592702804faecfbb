import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { UsedOnce } from '../../src/tokens/used-once.ts';
import { stores } from '../support/stores.ts';

const soon = () => Date.now() + 60_000;

for (const { name, open } of stores) {
  describe(`what may be used once, on ${name}`, () => {
    test('was not used before the first time, and was from then on', async () => {
      const used = new UsedOnce(open(), 'once');
      assert.equal(await used.usedBefore('web', 'a', soon()), false);
      assert.equal(await used.usedBefore('web', 'a', soon()), true);
      assert.equal(await used.usedBefore('web', 'a', soon()), true);
    });

    test('is used by one of sixteen at once, on two connections', async () => {
      const both = [new UsedOnce(open(), 'race'), new UsedOnce(open(), 'race')] as const;
      const answers = await Promise.all(
        Array.from({ length: 16 }, (_, index) => both[index % 2 ? 1 : 0].usedBefore('web', 'b', soon())),
      );
      assert.equal(answers.filter((before) => !before).length, 1);
    });

    test('is apart for each owner, identifier and namespace, however they are spelt', async () => {
      const used = new UsedOnce(open(), 'apart');
      const rows = [
        ['web', 'c'],
        ['app', 'c'],
        ['webc', ''],
        ['web', 'c}'],
        ['web","c', ''],
        ['web', 'C'],
      ] as const;
      for (const [owner, id] of rows) assert.equal(await used.usedBefore(owner, id, soon()), false, `${owner} ${id}`);
      assert.equal(await new UsedOnce(open(), 'other').usedBefore('web', 'c', soon()), false);
    });

    test('is forgotten when it cannot be good any more, and not before', async () => {
      const used = new UsedOnce(open(), 'brief');
      const expiresAtMs = Date.now() + 300;
      assert.equal(await used.usedBefore('web', 'd', expiresAtMs), false);
      assert.equal(await used.usedBefore('web', 'd', expiresAtMs), true);
      await delay(350);
      assert.equal(await used.usedBefore('web', 'd', soon()), false);
    });

    test('that has expired already is remembered for a moment, not for ever', async () => {
      const used = new UsedOnce(open(), 'late');
      assert.equal(await used.usedBefore('web', 'e', Date.now() - 1000), false);
      await delay(20);
      assert.equal(await used.usedBefore('web', 'e', soon()), false);
    });
  });
}
