import { resolve } from 'node:path';
import { longestTokenTtl } from '../config/check-signing.ts';
import type { Config } from '../config/schema.ts';
import type { Store } from '../store/store.ts';
import { CLOCK_TOLERANCE_SECONDS } from './issuer.ts';
import type { KeySource } from './key-source.ts';
import { KeysDirectory } from './keys-directory.ts';
import { StoredKeys } from './stored-keys.ts';

/** A gateway takes the next key over some seconds late, and its clock may differ from the store's. */
const LATE_MS = 60_000;

/** Where `tokens.signing` in gateway.yaml has the keys: `keys_dir`, or without it the store. */
export function openKeySource(config: Pick<Config, 'tokens' | 'clients' | 'directory'>, store: Store): KeySource {
  const { keys_dir, encryption_key, ...policy } = config.tokens.signing;
  if (keys_dir !== undefined) return new KeysDirectory(resolve(config.directory, keys_dir), policy);
  const tokensLiveMs = longestTokenTtl(config) + CLOCK_TOLERANCE_SECONDS * 1000 + LATE_MS;
  return new StoredKeys(store, { ...policy, tokensLiveMs }, encryption_key);
}
