import { bcrypt } from './bcrypt.ts';
import { md5Crypt } from './md5-crypt.ts';
import type { PasswordHashScheme } from './scheme.ts';
import { scryptCrypt } from './scrypt-crypt.ts';
import { sha256Crypt, sha512Crypt } from './sha-crypt.ts';

const PREFIX = /^\{CRYPT\}/i;
const inner: readonly PasswordHashScheme[] = [sha512Crypt, sha256Crypt, bcrypt, scryptCrypt, md5Crypt];

/** What crypt(3) made, in a directory (RFC 2307). Its first scheme, DES, is asked for by name. */
export const ldapCrypt: PasswordHashScheme = {
  name: '{CRYPT}',

  recognises: (stored) => PREFIX.test(stored),

  problem(stored) {
    const scheme = innerScheme(stored);
    if (!scheme) return `a {CRYPT} hash that is none of ${inner.map(({ name }) => name).join(', ')}`;
    return scheme.problem(bare(stored));
  },

  verify: (password, stored) => innerScheme(stored)?.verify(password, bare(stored)) ?? false,
};

function innerScheme(stored: string): PasswordHashScheme | undefined {
  return inner.find((scheme) => scheme.recognises(bare(stored)));
}

function bare(stored: string): string {
  return stored.replace(PREFIX, '');
}
