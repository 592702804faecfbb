import { constants, setPriority } from 'node:os';
import { isMainThread } from 'node:worker_threads';
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

/**
 * Lets requests that pass through go before hashes, where cores are few. On Linux a thread has a priority of its own;
 * elsewhere this would be the whole process's.
 */
function yieldToOthers(): void {
  if (process.platform !== 'linux' || isMainThread) return;
  try {
    setPriority(constants.priority.PRIORITY_LOW);
  } catch {
    // Sandboxes may forbid it; then hashes have the priority of all.
  }
}

yieldToOthers();
