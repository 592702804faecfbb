import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as nextTick } from 'node:timers/promises';
import { Turns } from '../../src/limits/turns.ts';

const [A, B, C] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
const PER_TICK = 2;

describe('steps are taken in turn', () => {
  // Each step as its address and a number. The first PER_TICK are taken at once, and each line after them in a tick.
  const rows: [name: string, wanted: [address: string, step: string][], ticks: string[][]][] = [
    [
      'those that a tick has room for, at once',
      [
        [A, 'a1'],
        [A, 'a2'],
      ],
      [['a1', 'a2']],
    ],
    [
      'those beyond it, in the next ticks',
      [
        [A, 'a1'],
        [A, 'a2'],
        [A, 'a3'],
        [A, 'a4'],
        [A, 'a5'],
      ],
      [['a1', 'a2'], ['a3', 'a4'], ['a5']],
    ],
    [
      'addresses one after the other, however much each has to do',
      [
        [A, 'a1'],
        [A, 'a2'],
        [A, 'a3'],
        [A, 'a4'],
        [A, 'a5'],
        [B, 'b1'],
        [C, 'c1'],
      ],
      [['a1', 'a2'], ['a3', 'b1'], ['c1', 'a4'], ['a5']],
    ],
    [
      'one that has had its turn, after those that wait for theirs',
      [
        [A, 'a1'],
        [A, 'a2'],
        [A, 'a3'],
        [B, 'b1'],
        [B, 'b2'],
        [A, 'a4'],
      ],
      [
        ['a1', 'a2'],
        ['a3', 'b1'],
        ['a4', 'b2'],
      ],
    ],
    [
      'addresses of one IPv6 network as one',
      [
        [A, 'a1'],
        [A, 'a2'],
        ['2001:db8::1', 'x1'],
        ['2001:db8::2', 'x2'],
        ['2001:db8::3', 'x3'],
        [B, 'b1'],
      ],
      [
        ['a1', 'a2'],
        ['x1', 'b1'],
        ['x2', 'x3'],
      ],
    ],
  ];
  for (const [name, wanted, ticks] of rows) {
    test(name, async () => {
      const turns = new Turns(PER_TICK);
      const taken: string[] = [];
      for (const [address, step] of wanted) turns.run(address, () => taken.push(step));
      const seen = [taken.splice(0)];
      while (seen.length < ticks.length) {
        await nextTick();
        seen.push(taken.splice(0));
      }
      assert.deepEqual(seen, ticks);
    });
  }
});

test('nobody overtakes those who wait, not even a step that one of theirs leads to', async () => {
  const turns = new Turns(1);
  const taken: string[] = [];
  turns.run(A, () => taken.push('a1'));
  turns.run(A, () => {
    taken.push('a2');
    turns.run(A, () => taken.push('a3'));
  });
  turns.run(B, () => taken.push('b1'));
  for (let tick = 0; tick < 3; tick += 1) await nextTick();
  assert.deepEqual(taken, ['a1', 'a2', 'b1', 'a3']);
});

test('steps that are not wanted any more keep nobody waiting', async () => {
  const turns = new Turns(1);
  const taken: string[] = [];
  turns.run(A, () => taken.push('a1'));
  for (const _ of ['a2', 'a3', 'a4']) turns.wait(A, () => false);
  turns.run(B, () => taken.push('b1'));
  assert.equal(turns.waiting, 4);
  await nextTick();
  assert.deepEqual(taken, ['a1', 'b1']);
  assert.equal(turns.waiting, 0);
});

test('the rest of an async function is a step, too', async () => {
  const turns = new Turns(1);
  const taken: string[] = [];
  const come = async (address: string, step: string) => {
    await turns.come(address);
    taken.push(step);
  };
  await Promise.all([come(A, 'a1'), come(A, 'a2'), come(A, 'a3'), come(B, 'b1')]);
  assert.deepEqual(taken, ['a1', 'a2', 'b1', 'a3']);
});

test('no more than 1024 async functions wait, and those beyond go on at once', async () => {
  const turns = new Turns(1, () => {});
  for (let come = 0; come < 2000; come += 1) void turns.come(A);
  assert.equal(turns.waiting, 1024);
  await turns.come(B);
});

test('a tick that was full is over with the tick', async () => {
  const turns = new Turns(1);
  assert.ok(turns.take());
  assert.ok(!turns.take());
  await nextTick();
  assert.ok(turns.take());
});
