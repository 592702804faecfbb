import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { RateLimits } from '../../src/limits/rate-limits.ts';
import { stores } from '../support/stores.ts';

for (const { name, open } of stores) {
  describe(`request rates on ${name}`, { concurrency: true }, () => {
    let limits: RateLimits;
    before(() => {
      limits = new RateLimits(open());
    });
    const tooMany = { code: 'temporarily_unavailable', status: 429 };

    it('of many requests at once, no more than the limit go on', async () => {
      const key = randomUUID();
      const taken = await Promise.allSettled(
        Array.from({ length: 50 }, () => limits.take(key, { requests: 7, per: 60_000 })),
      );
      assert.equal(taken.filter(({ status }) => status === 'fulfilled').length, 7);
    });

    it('a window ends, and requests that were refused do not make it longer', async () => {
      const [key, rate] = [randomUUID(), { requests: 1, per: 400 }];
      await limits.take(key, rate);
      await delay(250);
      await assert.rejects(limits.take(key, rate), { ...tooMany, headers: { 'Retry-After': '1' } });
      await delay(200);
      await limits.take(key, rate);
    });

    it('keys are counted apart', async () => {
      const rate = { requests: 1, per: 60_000 };
      await limits.take(randomUUID(), rate);
      await limits.take(randomUUID(), rate);
    });

    it('Retry-After says when the window ends', async () => {
      const [key, rate] = [randomUUID(), { requests: 1, per: 90_000 }];
      await limits.take(key, rate);
      await assert.rejects(limits.take(key, rate), { headers: { 'Retry-After': '90' } });
    });
  });
}
