import { createHmac, randomBytes } from 'node:crypto';
import { DECOY_HASH } from './password-hash/argon2.ts';
import type { StoredPassword } from './password-hash/password-checker.ts';

const KEY = randomBytes(32);
/** For a store of which no password is known. */
const DECOY: StoredPassword = { username: '', password_hash: DECOY_HASH };

/**
 * What an unknown user's password is checked against: one of the store's own, the same one for a username each time, so
 * that its mix of schemes and costs is found among unknown usernames too. The key keeps others from computing which one.
 */
export function chooseDecoy(username: string, passwords: readonly StoredPassword[]): StoredPassword {
  const chosen = createHmac('sha256', KEY).update(username).digest().readUInt32BE() % passwords.length;
  return passwords[chosen] ?? DECOY;
}
