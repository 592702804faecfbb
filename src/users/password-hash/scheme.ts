import { timingSafeEqual } from 'node:crypto';

/** One way in which passwords are hashed. Its functions are synchronous: `verify` runs on a thread of its own. */
export interface PasswordHashScheme {
  readonly name: string;
  /** Whether the hash is written in this scheme, by its prefix. */
  recognises(hash: string): boolean;
  /** Why a recognised hash cannot be used: malformed, or so costly that one check would occupy a thread for many seconds. */
  problem(hash: string): string | undefined;
  /** Compares in constant time. Expects a recognised hash without a problem. */
  verify(password: string, hash: string): boolean;
}

/** A hash taken apart: what was computed, and how to compute it again. */
export interface ParsedHash {
  readonly expected: Buffer;
  /** The parameters, in words, when computing it would occupy a thread for many seconds. */
  readonly excess?: string | undefined;
  /** Gives as many bytes as `expected` has. */
  compute(password: Buffer): Buffer;
}

/** No scheme computes less (MySQL's old PASSWORD()). An empty one would be equal for every password. */
const MIN_EXPECTED_BYTES = 8;
const OVERLONG_PASSWORD = Buffer.from('a password that is too long');

/**
 * A scheme whose hashes are computed again. `parse` gives undefined for a malformed one. A password of more than
 * `maxPasswordBytes` is refused, at the price of a check.
 */
export function recomputedScheme(
  name: string,
  prefix: RegExp,
  parse: (hash: string) => ParsedHash | undefined,
  maxPasswordBytes = Number.POSITIVE_INFINITY,
): PasswordHashScheme {
  return {
    name,

    recognises: (stored) => prefix.test(stored),

    problem(stored) {
      const parsed = parse(stored);
      if (!parsed || parsed.expected.length < MIN_EXPECTED_BYTES) return `a malformed ${name} hash`;
      return parsed.excess && `${name} with ${parsed.excess}: a check would take many seconds`;
    },

    verify(password, stored) {
      const parsed = parse(stored);
      if (!parsed) return false;
      const bytes = Buffer.from(password);
      const readable = bytes.length <= maxPasswordBytes;
      return timingSafeEqual(parsed.compute(readable ? bytes : OVERLONG_PASSWORD), parsed.expected) && readable;
    },
  };
}
