import { createHash, timingSafeEqual } from 'node:crypto';
import type { PasswordHashScheme } from './scheme.ts';

const PREFIX = '{SHA}';

/** Apache's `htpasswd -s`: the SHA-1 of the password, without a salt, in Base64. */
export const sha1: PasswordHashScheme = {
  name: '{SHA}',

  recognises: (stored) => stored.startsWith(PREFIX),

  problem: (stored) => (/^\{SHA\}[A-Za-z0-9+/]{27}=$/.test(stored) ? undefined : 'a malformed {SHA} hash'),

  verify(password, stored) {
    const expected = Buffer.from(stored.slice(PREFIX.length), 'base64');
    return timingSafeEqual(createHash('sha1').update(password).digest(), expected);
  },
};
