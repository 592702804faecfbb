import { createHash } from 'node:crypto';
import type { Script, Store } from '../store/store.ts';

/** ARGV: for how long the key is remembered, in ms. Replies 1 if it already was. */
const USE_ONCE: Script<0 | 1> = {
  name: 'use-once',
  lua: `
if redis.call('SET', KEYS[1], '', 'NX', 'PX', ARGV[1]) then return 0 end
return 1`,
  embedded(entries, [key = ''], [ttlMs]) {
    if (entries.get(key) !== undefined) return 1;
    entries.set(key, '', Number(ttlMs));
    return 0;
  },
};

/** Replies 1 if the key is remembered. */
const LOOK: Script<0 | 1> = {
  name: 'used-once-look',
  lua: `return redis.call('EXISTS', KEYS[1])`,
  embedded: (entries, [key = '']) => (entries.get(key) === undefined ? 0 : 1),
};

/**
 * Remembers what may be used only once, such as the `jti` of client assertions (RFC 7523 §3), on all gateways that share
 * the store. Ask last: what is not good otherwise must not use anything up.
 */
export class UsedOnce {
  readonly #store: Store;
  readonly #namespace: string;

  /** @param namespace keeps identifiers of one kind apart from those of another. */
  constructor(store: Store, namespace: string) {
    this.#store = store;
    this.#namespace = namespace;
  }

  /**
   * Whether `owner` used `id` before. From now until `expiresAtMs`, after which it cannot be good any more, it did.
   *
   * @throws GatewayError `temporarily_unavailable` when the store is out.
   */
  async usedBefore(owner: string, id: string, expiresAtMs: number): Promise<boolean> {
    const ttlMs = Math.max(1, Math.ceil(expiresAtMs - Date.now()));
    return (await this.#store.run(USE_ONCE, [this.#keyOf(owner, id)], [ttlMs])) === 1;
  }

  /** Whether `owner` used `id` before; it is not used by this. @throws as `usedBefore` does. */
  async wasUsed(owner: string, id: string): Promise<boolean> {
    return (await this.#store.run(LOOK, [this.#keyOf(owner, id)])) === 1;
  }

  /** Hashed, so that a key is short whatever callers write, and one pair cannot be spelt as another. */
  #keyOf(owner: string, id: string): string {
    const hash = createHash('sha256')
      .update(JSON.stringify([owner, id]))
      .digest('base64url');
    return `${this.#namespace}:{${hash}}`;
  }
}
