import { createRequire } from 'node:module';
import type { ParsedHashOptions } from '@node-rs/argon2';
import { isPlausiblePassword, MAX_PASSWORD_BYTES } from '../credentials.ts';
import type { PasswordHashScheme } from './scheme.ts';

/** Loaded with the first hash of this kind. */
const require = createRequire(import.meta.url);
const library = (): typeof import('@node-rs/argon2') => require('@node-rs/argon2');

const GIB_IN_KIB = 1024 ** 2;
const MAX_MEMORY_KIB = GIB_IN_KIB;
/** Memory times passes is what a check costs: at this bound it is about five seconds. */
const MAX_WORK_KIB = 4 * GIB_IN_KIB;

/** In the PHC string format (RFC 9106). */
export const argon2id = argon2('argon2id');
export const argon2i = argon2('argon2i');
export const argon2d = argon2('argon2d');

function argon2(name: string): PasswordHashScheme {
  return {
    name,

    recognises: (stored) => stored.startsWith(`$${name}$`),

    problem(stored) {
      const cost = costOf(stored);
      if (!cost) return 'a malformed argon2 hash';
      if (cost.memoryCost > MAX_MEMORY_KIB) return `argon2 with m=${cost.memoryCost}: more than 1 GiB a check`;
      if (workOf(cost) > MAX_WORK_KIB) {
        return `argon2 with m=${cost.memoryCost},t=${cost.timeCost}: a check would take many seconds`;
      }
      return undefined;
    },

    verify: (password, stored) => library().verifySync(stored, password),
  };
}

/** OWASP's parameters: 19 MiB, 2 passes, 1 lane. */
const TARGET = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/**
 * Makes an argon2id hash at the parameters that we hold for strong. Takes as long as a check: a gateway calls it through
 * its `HashPool`.
 *
 * @throws RangeError for a password that could never log in.
 */
export function hashPassword(password: string): string {
  if (!isPlausiblePassword(password)) {
    throw new RangeError(`a password has 1 to ${MAX_PASSWORD_BYTES} bytes, and no NUL among them`);
  }
  return library().hashSync(password, TARGET);
}

/** Whether a hash is anything but argon2id with at least the memory and the work of `hashPassword`. */
export function isWeakHash(stored: string): boolean {
  const cost = argon2id.recognises(stored) ? costOf(stored) : undefined;
  return !cost || cost.memoryCost < TARGET.memoryCost || workOf(cost) < workOf(TARGET);
}

/** At the parameters of `hashPassword`, of random bytes that nobody kept: what an unknown user costs where nobody is known. */
export const DECOY_HASH =
  '$argon2id$v=19$m=19456,t=2,p=1$g3NcYPnRimhwiD9B260i1g$LdU9Qb5l1krp7jNTNuLb8PHAQ7z6L/PiM32U1J4k4tk';

/** How much memory is filled, in KiB; a second pass counts as much as the first. */
function workOf({ memoryCost, timeCost }: Pick<ParsedHashOptions, 'memoryCost' | 'timeCost'>): number {
  return memoryCost * timeCost;
}

function costOf(stored: string): ParsedHashOptions | undefined {
  const { parseOptions } = library();
  try {
    return parseOptions(stored);
  } catch {
    return undefined; // Its message may quote the hash.
  }
}
