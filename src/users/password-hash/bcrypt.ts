import { createRequire } from 'node:module';
import type { PasswordHashScheme } from './scheme.ts';

/** Loaded with the first hash of this kind. */
const require = createRequire(import.meta.url);
const library = (): typeof import('@node-rs/bcrypt') => require('@node-rs/bcrypt');

/** Each step doubles the time: 16 is about four seconds. */
const MAX_COST = 16;
const READABLE_BYTES = 72;
const UNREADABLE_PASSWORD = Buffer.from('a password that bcrypt cannot read');

/** bcrypt as $2a$, $2b$ and $2y$. $2x$ marks hashes of a faulty implementation, which no correct one can verify. */
export const bcrypt: PasswordHashScheme = {
  name: 'bcrypt',

  recognises: (stored) => /^\$2[aby]\$/.test(stored),

  problem(stored) {
    const cost = costOf(stored);
    if (cost === undefined) return 'a malformed bcrypt hash';
    return cost > MAX_COST ? `bcrypt of cost ${cost}: a check would take many seconds` : undefined;
  },

  /**
   * bcrypt reads 72 bytes and many implementations stop at a NUL, so passwords that differ only behind these would be
   * equal. They are refused, at the price of a check.
   */
  verify(password, stored) {
    const bytes = Buffer.from(password);
    const readable = bytes.length <= READABLE_BYTES && !bytes.includes(0);
    return library().verifySync(readable ? bytes : UNREADABLE_PASSWORD, stored) && readable;
  },
};

function costOf(stored: string): number | undefined {
  const { parseOptions } = library();
  try {
    return parseOptions(stored).cost;
  } catch {
    return undefined; // Its message may quote the hash.
  }
}
