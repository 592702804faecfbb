import { unavailable } from '../errors.ts';
import { LUA_NOW } from '../store/lua.ts';
import type { Script, Store } from '../store/store.ts';
import { decryptKey, encryptKey, type KeptKey } from './key-encryption.ts';
import {
  createKeySet,
  generatePrivateJwk,
  importSigningKey,
  type KeySet,
  parseKeyJson,
  type SigningKey,
} from './key-set.ts';
import type { KeySource } from './key-source.ts';
import {
  dueKeySignsFrom,
  type KeyTimes,
  type RotateRequest,
  type RotationPolicy,
  requestedKeySignsFrom,
  type Scheduled,
  schedule,
} from './rotation.ts';

interface StoredKey extends KeyTimes {
  readonly privateKey: KeptKey;
}

/** What the store had at a time of its own clock: JSON text, empty where nothing is kept, and the keys in it. */
interface Kept {
  readonly text: string;
  readonly keys: readonly StoredKey[];
  readonly nowMs: number;
}

const STORE_KEY = 'signing-keys';
/** Longer than a configuration can have a key sign. */
const TTL_MS = 20 * 366 * 86_400_000;
/** Whoever loses to another gateway finds its change made, so a second attempt is rare. */
const MAX_ATTEMPTS = 10;

/**
 * Keys that gateways make themselves and share through the store. All of them are one value there, which is changed by
 * compare and set: of many gateways that find a change due, one makes it, and the others take what it has made.
 */
export class StoredKeys implements KeySource {
  readonly #store: Store;
  readonly #policy: RotationPolicy;
  readonly #encryptionKey: Uint8Array | undefined;
  #keys: readonly StoredKey[] = [];
  /** By `kid`. A key is imported once, so that what its tokens are remembered by stays the same. */
  #imported: ReadonlyMap<string, SigningKey> = new Map();
  /** What to add to this process' clock, which never jumps, for the store's. */
  #clockOffsetMs = 0;

  constructor(store: Store, policy: RotationPolicy, encryptionKey?: Uint8Array) {
    this.#store = store;
    this.#policy = policy;
    this.#encryptionKey = encryptionKey;
  }

  async refresh(): Promise<void> {
    const { keys } = await this.#change((kept, nowMs) => this.#tend(kept, nowMs));
    this.#imported = await this.#import(keys);
    this.#keys = keys;
  }

  async isEmpty(): Promise<boolean> {
    return (await this.#exchange()).keys.length === 0;
  }

  current(): KeySet {
    const scheduled = schedule(this.#keys, performance.now() + this.#clockOffsetMs);
    const keyOf = (kid: string) => this.#imported.get(kid);
    const published = scheduled.map(({ key }) => keyOf(key.kid)).filter((key) => key !== undefined);
    return createKeySet(published, keyOf(scheduled.find(({ state }) => state === 'signing')?.key.kid ?? ''));
  }

  async list(): Promise<readonly Scheduled<KeyTimes>[]> {
    const { keys, nowMs } = await this.#exchange();
    return schedule(keys, nowMs);
  }

  async rotate(request: RotateRequest): Promise<KeyTimes> {
    let made: StoredKey | undefined;
    await this.#change(async (kept, nowMs) => {
      const keys = request.withdrawOthers ? [] : kept;
      // Gateways could read nothing any more if a key were added with another encryption key than the rest has.
      await this.#import(keys);
      made = await this.#make(requestedKeySignsFrom(keys, request, this.#policy.overlap, nowMs), nowMs);
      return [...keys, made];
    });
    if (made === undefined) throw new Error('no key was made');
    return made;
  }

  /** The keys as they should be now: without the withdrawn ones, and with the one that is due. */
  async #tend(kept: readonly StoredKey[], nowMs: number): Promise<readonly StoredKey[]> {
    // Keys that cannot be read are no reason to make others.
    await this.#import(kept);
    // A Redis that was restarted empty is given back what is known here, or all tokens would end.
    const known = kept.length > 0 ? kept : this.#keys;
    const keys = schedule(known, nowMs).map(({ key, state }) => (state === 'retiring' ? key : this.#lengthen(key)));
    const signsFromMs = dueKeySignsFrom(keys, this.#policy, nowMs);
    return signsFromMs === undefined ? keys : [...keys, await this.#make(signsFromMs, nowMs)];
  }

  /** A configuration may give tokens a longer life than the key's maker did; it stays with the longest. */
  #lengthen(key: StoredKey): StoredKey {
    return { ...key, tokensLiveMs: Math.max(key.tokensLiveMs, this.#policy.tokensLiveMs) };
  }

  async #make(signsFromMs: number, nowMs: number): Promise<StoredKey> {
    const { algorithm, tokensLiveMs } = this.#policy;
    const privateKey = await generatePrivateJwk(algorithm, signsFromMs);
    return { kid: privateKey.kid, algorithm, createdAtMs: nowMs, signsFromMs, tokensLiveMs, privateKey };
  }

  async #import(keys: readonly StoredKey[]): Promise<ReadonlyMap<string, SigningKey>> {
    const imported = keys.map(async ({ kid, algorithm, privateKey }) => {
      const known = this.#imported.get(kid);
      if (known) return [kid, known] as const;
      const jwk = await decryptKey(privateKey, kid, this.#encryptionKey);
      return [kid, await importSigningKey(jwk, kid, algorithm)] as const;
    });
    return new Map(await Promise.all(imported));
  }

  /** Has the store keep what `change` makes of its keys, and makes it again of what others were faster to have kept. */
  async #change(change: (keys: readonly StoredKey[], nowMs: number) => Promise<readonly StoredKey[]>): Promise<Kept> {
    let kept = await this.#exchange();
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const changed = await this.#serialize(await change(kept.keys, kept.nowMs));
      if (changed === kept.text) return kept;
      kept = await this.#exchange(kept.text, changed);
      if (changed === kept.text) return kept;
    }
    throw unavailable(new Error('the signing keys in the store change all the time'));
  }

  /** With every key encrypted, if there is an encryption key: also those that were kept before there was one. */
  async #serialize(keys: readonly StoredKey[]): Promise<string> {
    const sorted = keys.toSorted((a, b) => a.signsFromMs - b.signsFromMs);
    return JSON.stringify(await Promise.all(sorted.map((key) => this.#encrypt(key))));
  }

  async #encrypt(key: StoredKey): Promise<StoredKey> {
    if (this.#encryptionKey === undefined || typeof key.privateKey === 'string') return key;
    return { ...key, privateKey: await encryptKey(key.privateKey, this.#encryptionKey) };
  }

  async #exchange(expected = '', offered = ''): Promise<Kept> {
    const [nowMs, text] = await this.#store.run(EXCHANGE, [STORE_KEY], [expected, offered, TTL_MS]);
    this.#clockOffsetMs = nowMs - performance.now();
    return { text, keys: text === '' ? [] : parseKeyJson(text), nowMs };
  }
}

/**
 * Compare and set: keeps what is offered if what is kept is what was expected, and tells the time and what is kept then.
 * Who offers nothing (an empty text) only asks.
 */
const EXCHANGE: Script<readonly [nowMs: number, kept: string]> = {
  name: 'signing-keys-exchange',
  lua: `${LUA_NOW}
local expected, offered, ttl = unpack(ARGV)
local kept = redis.call('GET', KEYS[1]) or ''
if offered ~= '' and kept == expected then
  redis.call('SET', KEYS[1], offered, 'PX', ttl)
  kept = offered
end
return {now, kept}`,
  embedded(entries, [key = ''], [expected, offered = '', ttlMs], nowMs) {
    const kept = entries.get<string>(key) ?? '';
    if (offered === '' || kept !== expected) return [nowMs, kept];
    entries.set(key, offered, Number(ttlMs));
    return [nowMs, offered];
  },
};
