import { hash, type ParsedHashOptions, parseOptions, verifySync } from '@node-rs/argon2';
import { isPlausiblePassword, MAX_PASSWORD_BYTES } from '../credentials.ts';
import type { PasswordHashScheme } from './scheme.ts';

const GIB_IN_KIB = 1024 ** 2;
const MAX_MEMORY_KIB = GIB_IN_KIB;
/** Memory times passes is what a check costs: at this bound it is about five seconds. */
const MAX_WORK_KIB = 4 * GIB_IN_KIB;

/** argon2id, argon2i and argon2d in the PHC string format (RFC 9106). */
export const argon2: PasswordHashScheme = {
  name: 'argon2',

  recognises: (stored) => /^\$argon2(id|i|d)\$/.test(stored),

  problem(stored) {
    const cost = costOf(stored);
    if (!cost) return 'a malformed argon2 hash';
    if (cost.memoryCost > MAX_MEMORY_KIB) return `argon2 with m=${cost.memoryCost}: more than 1 GiB a check`;
    if (cost.memoryCost * cost.timeCost > MAX_WORK_KIB) {
      return `argon2 with m=${cost.memoryCost},t=${cost.timeCost}: a check would take many seconds`;
    }
    return undefined;
  },

  verify: (password, stored) => verifySync(stored, password),
};

/**
 * Makes an argon2id hash for a users file, at OWASP's parameters (19 MiB, 2 passes, 1 lane).
 * @throws RangeError for a password that could never log in.
 */
export async function hashPassword(password: string): Promise<string> {
  if (!isPlausiblePassword(password)) {
    throw new RangeError(`a password has 1 to ${MAX_PASSWORD_BYTES} bytes, and no NUL among them`);
  }
  return hash(password, { memoryCost: 19_456, timeCost: 2, parallelism: 1 });
}

/** At the parameters of `hashPassword`, of random bytes that nobody kept: what an unknown user costs where nobody is known. */
export const DECOY_HASH =
  '$argon2id$v=19$m=19456,t=2,p=1$g3NcYPnRimhwiD9B260i1g$LdU9Qb5l1krp7jNTNuLb8PHAQ7z6L/PiM32U1J4k4tk';

function costOf(stored: string): ParsedHashOptions | undefined {
  try {
    return parseOptions(stored);
  } catch {
    return undefined; // Its message may quote the hash.
  }
}
