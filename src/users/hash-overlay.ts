import { createHash } from 'node:crypto';
import type { Script, Store } from '../store/store.ts';
import type { HashMaker } from './password-hash/hash-pool.ts';
import type { StoredPassword } from './password-hash/password-checker.ts';
import type { HashKeeper } from './password-upgrades.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** A new hash that is not used for so long is forgotten, and made again at the next login. */
const TTL_MS = 400 * DAY_MS;

/** The value, which is kept for longer again; null when there is none. ARGV: for how long, in ms. */
const FIND: Script<string | null> = {
  name: 'hash-overlay-find',
  lua: `
local value = redis.call('GET', KEYS[1])
if not value then return nil end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return value`,
  embedded(entries, [key = ''], [ttlMs]) {
    const value = entries.get<string>(key);
    if (value === undefined) return null;
    entries.set(key, value, Number(ttlMs));
    return value;
  },
};

/** ARGV: value, for how long in ms. */
const KEEP: Script<null> = {
  name: 'hash-overlay-keep',
  lua: `redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return nil`,
  embedded(entries, [key = ''], [value, ttlMs]) {
    entries.set(key, value, Number(ttlMs));
    return null;
  },
};

/**
 * Keeps the new hashes of a user store that cannot be written in the gateway's store. Each is good only as long as the
 * user store has the hash that it was made for.
 *
 * That one is known here by an argon2id hash of it. A digest would let who can read this store guess passwords as fast as
 * against the weak hash itself, where that has no salt.
 */
export class HashOverlay implements HashKeeper {
  readonly #store: Store;
  readonly #userStore: string;
  readonly #hashes: HashMaker;

  constructor(store: Store, userStore: string, hashes: HashMaker) {
    this.#store = store;
    this.#userStore = userStore;
    this.#hashes = hashes;
  }

  async current(stored: StoredPassword): Promise<StoredPassword> {
    const value = await this.#store.run(FIND, [this.#keyOf(stored)], [TTL_MS]);
    if (value === null) return stored;
    const [madeFor = '', password_hash = ''] = value.split(' ');
    return (await this.#hashes.verify(digestOf(stored), madeFor)) ? { ...stored, password_hash } : stored;
  }

  async keep(stored: StoredPassword, password_hash: string): Promise<void> {
    const madeFor = await this.#hashes.hash(digestOf(stored));
    await this.#store.run(KEEP, [this.#keyOf(stored)], [`${madeFor} ${password_hash}`, TTL_MS]);
  }

  #keyOf({ username }: StoredPassword): string {
    return `hash-overlay:${this.#userStore}:${createHash('sha256').update(username).digest('base64url')}`;
  }
}

function digestOf({ password_hash, password_salt = '' }: StoredPassword): string {
  return createHash('sha256')
    .update(JSON.stringify([password_hash, password_salt]))
    .digest('base64url');
}
