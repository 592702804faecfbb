import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackgroundTasks } from '../../src/users/background-tasks.ts';

/** Tasks that end when they are told to, and what they did. */
function stage() {
  const tasks = new BackgroundTasks();
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const offer = (number: number) =>
    tasks.offer(() => {
      begun.push(number);
      return new Promise((resolve) => ends.push(resolve));
    });
  const endOne = async () => {
    ends.shift()?.();
    await new Promise(setImmediate);
  };
  return { tasks, begun, offer, endOne };
}

test('one task runs at a time, in the order in which they came, and again after all are done', async () => {
  const { begun, offer, endOne } = stage();
  for (const number of [1, 2]) assert.equal(offer(number), true);
  assert.deepEqual(begun, [1]);
  await endOne();
  assert.deepEqual(begun, [1, 2]);
  await endOne();
  offer(3);
  assert.deepEqual(begun, [1, 2, 3]);
  await endOne();
});

test('64 tasks wait, more are dropped, and there is room again when one is done', async () => {
  const { tasks, begun, offer, endOne } = stage();
  for (let number = 0; number <= 64; number += 1) assert.equal(offer(number), true);
  assert.equal(offer(65), false);
  await endOne();
  assert.equal(offer(66), true);
  assert.equal(offer(67), false);
  assert.deepEqual(begun, [0, 1]);
  const closed = tasks.close();
  await endOne();
  await closed;
  assert.deepEqual(begun, [0, 1]);
});
