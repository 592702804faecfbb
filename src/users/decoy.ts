import { createHmac, randomBytes } from 'node:crypto';
import { DECOY_HASH } from './password-hash/argon2.ts';

const KEY = randomBytes(32);

/**
 * The hash that an unknown user's password is checked against: one of the store's own, the same one for a username each
 * time, so that its mix of schemes and costs is found among unknown usernames too. The key keeps others from computing
 * which one.
 */
export function decoyHash(username: string, hashes: readonly string[]): string {
  const chosen = createHmac('sha256', KEY).update(username).digest().readUInt32BE() % hashes.length;
  return hashes[chosen] ?? DECOY_HASH;
}
