import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';

/** @throws AssertionError that names `what` was not to be found within 20 seconds. */
export async function until<Found>(what: string, find: () => Found | Promise<Found>): Promise<NonNullable<Found>> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const found = await find();
    if (found) return found;
    assert.ok(Date.now() < deadline, what);
    await delay(20);
  }
}
