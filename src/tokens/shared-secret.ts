import { randomBytes } from 'node:crypto';
import type { Script, Store } from '../store/store.ts';

const TEN_YEARS_MS = 10 * 366 * 86_400_000;

/** The first to offer a secret has it kept; all others are given that one. ARGV: the offer, its lifetime in ms. */
const KEEP_FIRST_SECRET: Script<string> = {
  name: 'keep-first-secret',
  lua: `
redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
return redis.call('GET', KEYS[1])`,
  embedded(entries, [key = ''], [offer = '', ttlMs]) {
    const kept = entries.get<string>(key);
    if (kept === undefined) entries.set(key, offer, Number(ttlMs));
    return kept ?? offer;
  },
};

/** 32 random bytes that all gateways on one store have in common. The store is asked until it has answered once. */
export class SharedSecret {
  readonly #store: Store;
  readonly #name: string;
  #asking: Promise<Buffer> | undefined;

  constructor(store: Store, name: string) {
    this.#store = store;
    this.#name = name;
  }

  /** @throws GatewayError `temporarily_unavailable` as long as the store has never answered. */
  get(): Promise<Buffer> {
    this.#asking ??= this.#ask().catch((error) => {
      this.#asking = undefined;
      throw error;
    });
    return this.#asking;
  }

  async #ask(): Promise<Buffer> {
    const offer = randomBytes(32).toString('base64url');
    const kept = await this.#store.run(KEEP_FIRST_SECRET, [`secret:${this.#name}`], [offer, TEN_YEARS_MS]);
    return Buffer.from(kept, 'base64url');
  }
}
