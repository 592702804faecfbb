import { compareSync } from 'bcryptjs';
import type { PasswordHashScheme } from './scheme.ts';

/** Each step doubles the time: 16 is about five seconds. */
const MAX_COST = 16;
const READABLE_BYTES = 72;
const UNREADABLE_PASSWORD = 'a password that bcrypt cannot read';

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
    const readable = Buffer.byteLength(password) <= READABLE_BYTES && !password.includes('\0');
    return compareSync(readable ? password : UNREADABLE_PASSWORD, stored) && readable;
  },
};

function costOf(stored: string): number | undefined {
  const [, cost = ''] = /^\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}$/.exec(stored) ?? [];
  return cost === '' ? undefined : Number(cost);
}
