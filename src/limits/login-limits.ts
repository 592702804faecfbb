import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { LoginLimitsConfig } from '../config/schema.ts';
import { GatewayError, unavailable } from '../errors.ts';
import type { Store } from '../store/store.ts';
import { usernameHash } from '../store/username-hash.ts';
import { networkOf } from './client-address.ts';
import {
  COUNT_FAILURE,
  type CounterRule,
  RESERVE,
  ruleArguments,
  SETTLE,
  type Settlement,
} from './failure-counters.ts';

export interface LoginAttempt {
  readonly username: string;
  readonly address: string;
  readonly clientId: string;
}

/** In milliseconds: how long an attempt may wait for others' outcomes, and after how long it is given up as lost. */
const PATIENCE = { waitFor: 10_000, holdFor: 30_000 };

const LOCKS_REMEMBERED = 10_000;

/**
 * Counts failed logins by user and address, user, address and client, before the password is checked: an attempt takes
 * one of the failures that are left, and gives it back if the password is right. However many come at once, no more are
 * checked than may fail.
 */
export class LoginLimits {
  readonly #store: Store;
  readonly #config: LoginLimitsConfig;
  readonly #patience: typeof PATIENCE;
  #waiting = 0;
  /** Counters known to be locked, so that who only fails does not cost the store a round trip each time. */
  readonly #locks = new LRUCache<string, true>({ max: LOCKS_REMEMBERED });

  constructor(store: Store, config: LoginLimitsConfig, patience = PATIENCE) {
    this.#store = store;
    this.#config = config;
    this.#patience = patience;
  }

  /**
   * Runs `check` if there are failures left, and counts its outcome.
   *
   * @throws GatewayError `invalid_grant` with 429 and Retry-After when there are none, whether or not the user exists;
   * `temporarily_unavailable` when the store is out or too many attempts wait; what `check` throws, counting nothing.
   */
  async attempt<Outcome extends { readonly accepted: boolean }>(
    who: LoginAttempt,
    check: () => Promise<Outcome>,
  ): Promise<Outcome> {
    const counters = this.#countersOf(who);
    const id = await this.#reserve(counters);
    let outcome: Outcome;
    try {
      outcome = await check();
    } catch (error) {
      return this.#undo(id, counters, error);
    }
    // An accepted login whose reservation cannot be given back is not accepted: its refresh token could not be kept either.
    await this.#settle(id, counters, outcome.accepted ? 'accepted' : 'refused');
    return outcome;
  }

  /**
   * Counts a failed client authentication. That is known only afterwards, so that good clients cost no round trip.
   *
   * @param clientId as it was claimed, whether or not there is such a client; undefined when none was
   */
  async countRefusedClient(clientId: string | undefined, address: string): Promise<void> {
    const counters = this.#clientCountersOf(clientId, address);
    const rules = counters.flatMap(({ rule }) => ruleArguments(rule));
    const lockedMs = await this.#store.run(COUNT_FAILURE, keysOf(counters), rules);
    counters.forEach(({ key }, index) => {
      const ttl = lockedMs[index] ?? 0;
      if (ttl > 0) this.#locks.set(key, true, { ttl });
    });
  }

  /**
   * Refuses further tries once `countRefusedClient` has found the client or the address locked. Asks no store.
   *
   * @throws GatewayError `invalid_grant` with 429 and Retry-After.
   */
  refuseLockedClient(clientId: string | undefined, address: string): void {
    const keys = keysOf(this.#clientCountersOf(clientId, address));
    const lockedMs = Math.max(...keys.map((key) => this.#locks.getRemainingTTL(key)));
    if (lockedMs > 0) throw tooManyFailures(lockedMs);
  }

  async #reserve(counters: readonly Counter[]): Promise<string> {
    const id = randomUUID();
    if (await this.#tryToReserve(id, counters)) return id;
    if (this.#waiting >= this.#config.queue)
      throw unavailable(new Error('too many logins wait for the outcome of others'));
    this.#waiting += 1;
    try {
      await this.#waitToReserve(id, counters);
    } finally {
      this.#waiting -= 1;
    }
    return id;
  }

  async #waitToReserve(id: string, counters: readonly Counter[]): Promise<void> {
    const deadlineMs = performance.now() + this.#patience.waitFor;
    do {
      if (performance.now() > deadlineMs)
        throw unavailable(new Error('a login waited too long for the outcome of others'));
      // The more wait, the less often each of them asks.
      await delay(15 + Math.random() * 25 + this.#waiting);
    } while (!(await this.#tryToReserve(id, counters)));
  }

  /** @returns false while all failures that are left are being tried. */
  async #tryToReserve(id: string, counters: readonly Counter[]): Promise<boolean> {
    const limits = counters.map(({ rule }) => rule.failures);
    const keys = [...keysOf(counters), ...reservationKeysOf(counters)];
    const [outcome, lockedMs] = await this.#store.run(RESERVE, keys, [id, this.#patience.holdFor, ...limits]);
    if (outcome === 'locked') throw tooManyFailures(lockedMs);
    return outcome === 'reserved';
  }

  async #settle(id: string, counters: readonly Counter[], settlement: Settlement): Promise<void> {
    const keys = [...keysOf(counters), ...reservationKeysOf(counters)];
    await this.#store.run(SETTLE, keys, [id, settlement, ...counters.flatMap(({ rule }) => ruleArguments(rule))]);
  }

  async #undo(id: string, counters: readonly Counter[], error: unknown): Promise<never> {
    await this.#settle(id, counters, 'undone').catch((lost) => {
      throw unavailable(new AggregateError([error, lost], 'a login could neither be checked nor given back'));
    });
    throw error;
  }

  #countersOf({ username, address, clientId }: LoginAttempt): readonly Counter[] {
    const { user_and_address, user } = this.#config;
    const name = usernameHash(username);
    return [
      { key: `{login}:user_and_address:${name}:${networkOf(address)}`, rule: user_and_address },
      { key: `{login}:user:${name}`, rule: fixedWindow(user) },
      ...this.#clientCountersOf(clientId, address),
    ];
  }

  #clientCountersOf(clientId: string | undefined, address: string): readonly Counter[] {
    const byAddress = { key: `{login}:address:${networkOf(address)}`, rule: fixedWindow(this.#config.address) };
    if (clientId === undefined) return [byAddress];
    return [byAddress, { key: `{login}:client:${clientIdHash(clientId)}`, rule: fixedWindow(this.#config.client) }];
  }
}

interface Counter {
  readonly key: string;
  readonly rule: CounterRule;
}

/** For what is claimed to be a client may be anything. */
function clientIdHash(clientId: string): string {
  return createHash('sha256').update(clientId).digest('base64url');
}

function keysOf(counters: readonly Counter[]): readonly string[] {
  return counters.map(({ key }) => key);
}

function reservationKeysOf(counters: readonly Counter[]): readonly string[] {
  return counters.map(({ key }) => `${key}:reserved`);
}

function fixedWindow({ failures, per }: LoginLimitsConfig['user']): CounterRule {
  return { failures, lock: 0, max_lock: 0, forget_after: per };
}

function tooManyFailures(lockedMs: number): GatewayError {
  const seconds = Math.max(1, Math.ceil(lockedMs / 1000));
  return new GatewayError('invalid_grant', {
    status: 429,
    description: 'Too many failures. Try again later.',
    headers: { 'Retry-After': String(seconds) },
  });
}
