import type { JWK } from 'jose';
import type { Script, Store } from '../store/store.ts';
import { type Algorithm, createKeySet, generatePrivateJwk, importSigningKey, type KeySet } from './key-set.ts';

const TEN_YEARS_MS = 10 * 366 * 86_400_000;

/** The first gateway to bring a key has it kept; all others, however many start at once, are given that one. */
const keepFirst: Script<string> = {
  name: 'keep-first',
  lua: `
    local kept = redis.call('GET', KEYS[1])
    if kept then return kept end
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    return ARGV[1]`,
  embedded(entries, [key = ''], [offered = '', ttlMs]) {
    const kept = entries.get<string>(key);
    if (kept !== undefined) return kept;
    entries.set(key, offered, Number(ttlMs));
    return offered;
  },
};

/** Keys that the gateway made itself and that every gateway on the same store shares. */
export async function readStoredKeys(store: Store, algorithm: Algorithm): Promise<KeySet> {
  const offered = JSON.stringify(await generatePrivateJwk(algorithm));
  const kept = await store.run(keepFirst, [`signing-key:${algorithm}`], [offered, TEN_YEARS_MS]);
  const jwk: JWK & { kid: string } = JSON.parse(kept);
  const key = await importSigningKey(jwk, jwk.kid, algorithm);
  return createKeySet([key], key);
}
