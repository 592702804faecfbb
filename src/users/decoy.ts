import { createHmac, randomBytes } from 'node:crypto';
import { DECOY_HASH } from './password-hash/argon2.ts';
import type { StoredPassword } from './password-hash/password-checker.ts';

const KEY = randomBytes(32);
/** For a store of which no password is known. */
const DECOY: StoredPassword = { username: '', password_hash: DECOY_HASH };

/** What an unknown user's password is checked against: one of the store's own. */
export function chooseDecoy(username: string, passwords: readonly StoredPassword[]): StoredPassword {
  return standIn(username, passwords) ?? DECOY;
}

/**
 * One of those that there are, in place of one that there is not: the same one for a name each time, so that their mix of
 * schemes and costs is found among unknown names too. The key keeps others from computing which one.
 */
export function standIn<Candidate>(name: string, candidates: readonly Candidate[]): Candidate | undefined {
  const chosen = createHmac('sha256', KEY).update(name).digest().readUInt32BE() % candidates.length;
  return candidates[chosen];
}
