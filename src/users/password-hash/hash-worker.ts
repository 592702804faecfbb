import { putThisThreadLast } from '../../thread-priority.ts';
import { hashPassword } from './argon2.ts';
import { verifyHash } from './schemes.ts';

export interface HashWork {
  readonly password: string;
  /** Undefined when one is to be made. */
  readonly hash?: string;
}

/** What a thread of the `HashPool` runs: whether the password is that of the hash, or a new hash of it. */
export default function work({ password, hash }: HashWork): boolean | string {
  return hash === undefined ? hashPassword(password) : verifyHash(password, hash);
}

// Requests that pass through go before hashes.
putThisThreadLast();
