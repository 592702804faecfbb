import type { JWK } from 'jose';
import type { Script, Store } from '../store/store.ts';
import { type Algorithm, createKeySet, generatePrivateJwk, importSigningKey, type KeySet } from './key-set.ts';

const TEN_YEARS_MS = 10 * 366 * 86_400_000;

/**
 * The first gateway to bring a key has it kept; all others, however many start at once, are given that one. Who brings
 * nothing (an empty text) only asks.
 */
const keepFirst: Script<string> = {
  name: 'keep-first',
  lua: `
    local kept = redis.call('GET', KEYS[1])
    if kept or ARGV[1] == '' then return kept or '' end
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    return ARGV[1]`,
  embedded(entries, [key = ''], [offered = '', ttlMs]) {
    const kept = entries.get<string>(key);
    if (kept !== undefined || offered === '') return kept ?? '';
    entries.set(key, offered, Number(ttlMs));
    return offered;
  },
};

/** Keys that the gateway made itself and that every gateway on the same store shares. */
export async function readStoredKeys(store: Store, algorithm: Algorithm): Promise<KeySet> {
  const keep = (offered: string) => store.run(keepFirst, [`signing-key:${algorithm}`], [offered, TEN_YEARS_MS]);
  // Making a key is slow, so it is made only where there is none, and never while the store is out.
  const kept = (await keep('')) || (await keep(JSON.stringify(await generatePrivateJwk(algorithm))));
  const jwk: JWK & { kid: string } = JSON.parse(kept);
  const key = await importSigningKey(jwk, jwk.kid, algorithm);
  return createKeySet([key], key);
}
