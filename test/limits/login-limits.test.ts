import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { LoginLimitsConfig } from '../../src/config/schema.ts';
import { GatewayError } from '../../src/errors.ts';
import { type LoginAttempt, LoginLimits } from '../../src/limits/login-limits.ts';
import type { Store } from '../../src/store/store.ts';
import { stores } from '../support/stores.ts';

const CONFIG: LoginLimitsConfig = {
  user_and_address: { failures: 5, lock: 60_000, max_lock: 900_000, forget_after: 43_200_000 },
  user: { failures: 50, per: 3_600_000 },
  address: { failures: 100, per: 600_000 },
  client: { failures: 1000, per: 600_000 },
  min_failure_time: 500,
  concurrent_checks: 4,
  queue: 200,
};
const LOCKED = { code: 'invalid_grant', status: 429 };
const OUT = { code: 'temporarily_unavailable', status: 503 };

/** Somebody whom no other test counts. */
function somebody(): LoginAttempt {
  const [a, b, c] = crypto.getRandomValues(new Uint8Array(3));
  return { username: `user-${randomUUID()}`, address: `10.${a}.${b}.${c}`, clientId: `client-${randomUUID()}` };
}

const right = async () => ({ accepted: true });
const wrong = async () => ({ accepted: false });
const never = () => new Promise<{ accepted: boolean }>(() => {});

/** Resolves once the attempt has its reservation, which it never gives back. */
function begun(limits: LoginLimits, who: LoginAttempt): Promise<void> {
  return new Promise((resolve, reject) => {
    const check = () => {
      resolve();
      return never();
    };
    limits.attempt(who, check).catch(reject);
  });
}

/** A password check that takes a while and counts its runs. */
function slow(accepted: boolean) {
  const check = async () => {
    check.runs += 1;
    await delay(60);
    return { accepted };
  };
  check.runs = 0;
  return check;
}

function times<Result>(
  count: number,
  run: (index: number) => Promise<Result>,
): Promise<PromiseSettledResult<Result>[]> {
  return Promise.allSettled(Array.from({ length: count }, (_, index) => run(index)));
}

function statuses(results: readonly PromiseSettledResult<unknown>[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const result of results) {
    const status = result.status === 'fulfilled' ? 'checked' : String((result.reason as GatewayError).status);
    counts[status] = (counts[status] ?? 0) + 1;
  }
  return counts;
}

async function retryAfter(attempt: Promise<unknown>): Promise<number> {
  const error = await attempt.then(
    () => assert.fail('it was not refused'),
    (thrown: GatewayError) => thrown,
  );
  assert.equal(error.status, 429);
  return Number(error.headers['Retry-After']);
}

async function fail(limits: LoginLimits, who: LoginAttempt, count: number): Promise<void> {
  for (let attempt = 0; attempt < count; attempt += 1) {
    assert.deepEqual(await limits.attempt(who, wrong), { accepted: false });
  }
}

for (const { name, open } of stores) {
  describe(`login limits on ${name}`, { concurrency: true }, () => {
    let store: Store;
    before(() => {
      store = open();
    });

    const limited = (changes: Partial<LoginLimitsConfig> = {}, patience?: { waitFor: number; holdFor: number }) =>
      new LoginLimits(store, { ...CONFIG, ...changes }, patience);
    const brief = { failures: 2, lock: 600, max_lock: 1400, forget_after: 60_000 };

    it('what the check finds is given back as it is', async () => {
      const found = { accepted: true, user: 'johndoe' };
      assert.equal(await limited().attempt(somebody(), async () => found), found);
    });

    it('the sixth try after five failures is not checked, and told when to come back', async () => {
      const [limits, who] = [limited(), somebody()];
      await fail(limits, who, 5);
      const check = slow(true);
      assert.equal(await retryAfter(limits.attempt(who, check)), 60);
      assert.equal(check.runs, 0);
    });

    it('a hundred wrong guesses at once lead to no more checks than the limit allows', async () => {
      const [limits, who, check] = [limited(), somebody(), slow(false)];
      const results = await times(100, () => limits.attempt(who, check));
      assert.equal(check.runs, 5);
      assert.deepEqual(statuses(results), { checked: 5, 429: 95 });
    });

    it('twenty right logins at once all succeed', async () => {
      const [limits, who, check] = [limited(), somebody(), slow(true)];
      assert.deepEqual(statuses(await times(20, () => limits.attempt(who, check))), { checked: 20 });
    });

    it('twenty right logins at once all succeed on two gateways, and wrong ones share the limit', async () => {
      const other = open();
      const gateways = [limited(), new LoginLimits(other, CONFIG)] as const;
      const [who, check, wrongCheck] = [somebody(), slow(true), slow(false)];
      const results = await times(20, (index) => gateways[index % 2 === 0 ? 0 : 1].attempt(who, check));
      assert.deepEqual(statuses(results), { checked: 20 });
      await times(100, (index) => gateways[index % 2 === 0 ? 0 : 1].attempt(who, wrongCheck));
      assert.equal(wrongCheck.runs, 5);
    });

    it('a right login among wrong ones clears the count of the user and address', async () => {
      const [limits, who] = [limited(), somebody()];
      for (let round = 0; round < 3; round += 1) {
        await fail(limits, who, 4);
        await limits.attempt(who, right);
      }
    });

    it('a right login does not clear the count of the user', async () => {
      const [limits, who] = [limited({ user: { failures: 3, per: 60_000 } }), somebody()];
      await fail(limits, who, 2);
      await limits.attempt(who, right);
      await fail(limits, who, 1);
      await assert.rejects(limits.attempt(who, right), LOCKED);
    });

    it('failures from one address do not lock the user from another', async () => {
      const [limits, who] = [limited(), somebody()];
      await fail(limits, who, 5);
      await assert.rejects(limits.attempt(who, right), LOCKED);
      assert.ok(await limits.attempt({ ...who, address: '192.0.2.1' }, right));
    });

    it('failures of one user do not lock another from the same address', async () => {
      const [limits, who] = [limited(), somebody()];
      await fail(limits, who, 5);
      assert.ok(await limits.attempt({ ...who, username: somebody().username }, right));
    });

    it('addresses of one IPv6 /64 share a count, those of two do not', async () => {
      const [limits, who] = [limited(), somebody()];
      for (const host of [':1', ':2', 'a:b:c:d', '0:0:0:4', 'ffff::']) {
        const address = `2001:db8:1:2:${host}`;
        await limits.attempt({ ...who, address }, wrong);
      }
      await assert.rejects(limits.attempt({ ...who, address: '2001:db8:1:2::9' }, right), LOCKED);
      assert.ok(await limits.attempt({ ...who, address: '2001:db8:1:3::9' }, right));
    });

    it('spellings of a username share a count', async () => {
      const [limits, who] = [limited(), somebody()];
      for (const username of ['Zoë', 'zoë', 'ZOË', 'Zoe\u0308', 'zoe\u0308']) {
        await limits.attempt({ ...who, username: `${username}${who.username}` }, wrong);
      }
      await assert.rejects(limits.attempt({ ...who, username: `ZoË${who.username}` }, right), LOCKED);
    });

    const windows = {
      user: (who: LoginAttempt) => ({ ...somebody(), username: who.username }),
      address: (who: LoginAttempt) => ({ ...somebody(), address: who.address }),
      client: (who: LoginAttempt) => ({ ...somebody(), clientId: who.clientId }),
    };
    for (const [counter, sharing] of Object.entries(windows)) {
      it(`failures of one ${counter} add up until the window that the first one opened is over`, async () => {
        const [limits, who] = [limited({ [counter]: { failures: 3, per: 1000 } }), somebody()];
        await fail(limits, sharing(who), 1);
        await delay(500);
        for (let attempt = 0; attempt < 2; attempt += 1) await fail(limits, sharing(who), 1);
        assert.equal(await retryAfter(limits.attempt(sharing(who), right)), 1);
        assert.ok(await limits.attempt(somebody(), right));
        await delay(600);
        await fail(limits, sharing(who), 2);
        assert.ok(await limits.attempt(sharing(who), right));
      });
    }

    it('Retry-After is what is left of the longest lock', async () => {
      const [limits, who] = [limited({ user: { failures: 5, per: 3_600_000 } }), somebody()];
      await fail(limits, who, 5);
      assert.equal(await retryAfter(limits.attempt(who, right)), 3600);
    });

    it('each further lock is twice as long, up to the longest', async () => {
      const [limits, who] = [limited({ user_and_address: brief }), somebody()];
      for (const lockMs of [600, 1200, 1400]) {
        await fail(limits, who, 2);
        await delay(lockMs - 300);
        await assert.rejects(limits.attempt(who, right), LOCKED);
        await delay(400);
      }
      assert.ok(await limits.attempt(who, right));
    });

    it('a right login makes the next lock a short one again', async () => {
      const [limits, who] = [limited({ user_and_address: brief }), somebody()];
      await fail(limits, who, 2);
      await delay(650);
      await limits.attempt(who, right);
      await fail(limits, who, 2);
      await delay(650);
      assert.ok(await limits.attempt(who, right));
    });

    it('failures and locks are forgotten some time after the last one', async () => {
      const [limits, who] = [limited({ user_and_address: { ...brief, lock: 200, forget_after: 600 } }), somebody()];
      await fail(limits, who, 2);
      await delay(300);
      await fail(limits, who, 1);
      await delay(700);
      await fail(limits, who, 2);
      await delay(250);
      assert.ok(await limits.attempt(who, right));
    });

    it('a lock holds to its end even when failures are forgotten before', async () => {
      const [limits, who] = [limited({ user_and_address: { ...brief, forget_after: 200 } }), somebody()];
      await fail(limits, who, 2);
      await delay(350);
      await assert.rejects(limits.attempt(who, right), LOCKED);
    });

    it('a limit that was lowered leaves one try, whose failure locks', async () => {
      const who = somebody();
      await fail(limited(), who, 4);
      const lowered = limited({ user_and_address: { ...CONFIG.user_and_address, failures: 2 } });
      await fail(lowered, who, 1);
      await assert.rejects(lowered.attempt(who, right), LOCKED);
    });

    it('a check that throws counts nothing, and its error is passed on', async () => {
      const [limits, who, outage] = [limited(), somebody(), new Error('the user store is out')];
      const results = await times(20, () => limits.attempt(who, () => Promise.reject(outage)));
      assert.ok(results.every((result) => result.status === 'rejected' && result.reason === outage));
      await fail(limits, who, 4);
      assert.ok(await limits.attempt(who, right));
    });

    it('a reservation whose gateway died expires, and until then is waited for', async () => {
      const [dying, limits, who] = [limited({}, { waitFor: 10_000, holdFor: 400 }), limited(), somebody()];
      const begunMs = performance.now();
      for (let index = 0; index < 5; index += 1) void dying.attempt(who, never);
      assert.ok(await limits.attempt(who, right));
      assert.ok(performance.now() - begunMs > 350);
    });

    it('a reservation whose gateway died expires while another one goes on', async () => {
      const [dying, limits, who] = [limited({}, { waitFor: 10_000, holdFor: 300 }), limited({ queue: 0 }), somebody()];
      await Promise.all([...Array.from({ length: 4 }, () => begun(dying, who)), begun(limits, who)]);
      await delay(400);
      assert.deepEqual(statuses(await times(5, () => limits.attempt(who, slow(true)))), { checked: 4, 503: 1 });
    });

    it('who waits too long for the outcome of others gets 503', async () => {
      const who = somebody();
      const limits = limited({}, { waitFor: 150, holdFor: 2000 });
      for (let index = 0; index < 5; index += 1) void limits.attempt(who, never);
      await assert.rejects(limits.attempt(who, right), OUT);
    });

    it('no more wait for the outcome of others than the queue holds', async () => {
      const [limits, who, check] = [limited({ queue: 3 }), somebody(), slow(true)];
      assert.deepEqual(statuses(await times(20, () => limits.attempt(who, check))), { checked: 8, 503: 12 });
    });

    it('refused clients are locked out by client and by address, without asking the store', async () => {
      const per = { failures: 3, per: 1000 };
      for (const counter of ['client', 'address']) {
        const [limits, { clientId, address }] = [limited({ [counter]: per }), somebody()];
        const other = somebody();
        for (let refusal = 0; refusal < 3; refusal += 1) {
          limits.refuseLockedClient(clientId, address);
          await limits.countRefusedClient(clientId, address);
        }
        assert.throws(() => limits.refuseLockedClient(clientId, address), LOCKED);
        await assert.rejects(limits.attempt({ ...other, clientId, address }, right), LOCKED);
        limits.refuseLockedClient(other.clientId, other.address);
        const byClient = counter === 'client';
        assert.throws(
          () => limits.refuseLockedClient(byClient ? clientId : undefined, byClient ? other.address : address),
          LOCKED,
        );
        limits.refuseLockedClient(byClient ? undefined : clientId, byClient ? address : other.address);
        await delay(1050);
        limits.refuseLockedClient(clientId, address);
      }
    });

    it('refused clients that do not exist count for their address only', async () => {
      const [limits, { address }] = [limited({ address: { failures: 2, per: 60_000 } }), somebody()];
      await limits.countRefusedClient(undefined, address);
      await limits.countRefusedClient(undefined, address);
      assert.throws(() => limits.refuseLockedClient(undefined, address), LOCKED);
    });
  });
}

describe('login limits whose store is out', () => {
  /** The embedded store, out for the scripts that `isOut` names. */
  function failing(isOut: (script: string) => boolean): Store {
    const store = stores[0]?.open() as Store;
    return {
      run: async (script, keys, args) => {
        if (isOut(script.name)) throw new GatewayError('temporarily_unavailable');
        return store.run(script, keys, args);
      },
      ping: () => store.ping(),
      close: async () => {},
    };
  }

  it('check nothing', async () => {
    const check = slow(true);
    const limits = new LoginLimits(
      failing(() => true),
      CONFIG,
    );
    await assert.rejects(limits.attempt(somebody(), check), OUT);
    assert.equal(check.runs, 0);
  });

  for (const [what, check] of [
    ['accept nobody', right],
    ['reject nobody', wrong],
    ['say so also when the check failed', () => Promise.reject(new Error('out too'))],
  ] as const) {
    it(`${what} when the outcome cannot be kept`, async () => {
      const limits = new LoginLimits(
        failing((script) => script === 'login-settle'),
        CONFIG,
      );
      await assert.rejects(limits.attempt(somebody(), check), OUT);
    });
  }
});
