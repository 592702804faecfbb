import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { type Lease, SharedParts } from '../src/lease.ts';

let parts: SharedParts;
/** What was opened and closed, in order. */
let seen: string[];
beforeEach(() => {
  parts = new SharedParts();
  seen = [];
});

interface Part {
  readonly label: string;
}

function open(lease: Lease, name: string, config: unknown = {}, uses: object[] = []): Promise<Part> {
  return lease.open(
    { name, config, uses },
    () => {
      seen.push(`open ${name}`);
      return { label: name };
    },
    ({ label }) => seen.push(`close ${label}`),
  );
}

describe('a part', () => {
  const KEPT: readonly [sentence: string, config: unknown, same: boolean][] = [
    ['of an equal configuration is the same', { a: [1, { b: new Uint8Array([1]) }] }, true],
    ['of another configuration is another one', { a: [1, { b: new Uint8Array([2]) }] }, false],
  ];
  for (const [sentence, config, same] of KEPT) {
    test(sentence, async () => {
      const first = await open(parts.lease(), 'x', { a: [1, { b: new Uint8Array([1]) }] });
      assert.equal((await open(parts.lease(), 'x', config)) === first, same);
    });
  }

  test('of another name is another one', async () => {
    assert.notEqual(await open(parts.lease(), 'x'), await open(parts.lease(), 'y'));
  });

  test('that uses another part than before is another one, however alike they look', async () => {
    const [one, other] = [{ label: 'used' }, { label: 'used' }];
    const first = await open(parts.lease(), 'x', {}, [one]);
    assert.notEqual(await open(parts.lease(), 'x', {}, [other]), first);
    assert.equal(await open(parts.lease(), 'x', {}, [one]), first);
  });

  test('is closed when the last lets go of it, and after what uses it', async () => {
    const [old, next] = [parts.lease(), parts.lease()];
    for (const name of ['x', 'y']) await open(old, name);
    await open(next, 'x');
    await old.end();
    assert.deepEqual(seen, ['open x', 'open y', 'close y']);
    await open(next, 'z');
    await next.end();
    assert.deepEqual(seen.slice(3), ['open z', 'close z', 'close x']);
    await open(parts.lease(), 'x');
    assert.equal(seen.at(-1), 'open x');
  });

  test('is closed once at the end of all, whoever lets go of it later', async () => {
    const lease = parts.lease();
    for (const name of ['x', 'y']) await open(lease, name);
    await parts.close();
    await lease.end();
    assert.deepEqual(seen.slice(2), ['close y', 'close x']);
  });
});
