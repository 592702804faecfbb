import { createHash } from 'node:crypto';
import { encodeCrypt } from './crypt-base64.ts';
import { type PasswordHashScheme, recomputedScheme } from './scheme.ts';

const ROUNDS = 1000;
/** The digest's bytes in the order in which they are written. */
const BYTE_ORDER = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5], [11]] as const;

/** Poul-Henning Kamp's MD5-crypt, of FreeBSD and crypt(3). */
export const md5Crypt = md5CryptOf('md5-crypt', '$1$');

/** The same with a prefix of its own: Apache's `htpasswd -m` and `openssl passwd -apr1`. */
export const apr1 = md5CryptOf('apr1', '$apr1$');

function md5CryptOf(name: string, prefix: string): PasswordHashScheme {
  const escaped = prefix.replaceAll('$', String.raw`\$`);
  const form = new RegExp(String.raw`^${escaped}([^$:]{1,8})\$([./0-9A-Za-z]{22})$`);
  return recomputedScheme(name, new RegExp(`^${escaped}`), (stored) => {
    const [, salt, expected] = form.exec(stored) ?? [];
    if (salt === undefined || expected === undefined) return undefined;
    return {
      expected: Buffer.from(expected),
      compute: (password) => Buffer.from(encodeCrypt(digest(password, Buffer.from(salt), prefix), BYTE_ORDER)),
    };
  });
}

/** Step by step as in FreeBSD's crypt_md5() and apr_md5_encode() of the Apache Portable Runtime, oddities included. */
function digest(password: Buffer, salt: Buffer, prefix: string): Buffer {
  const inner = md5(password, salt, password);
  const parts = [password, Buffer.from(prefix), salt];
  for (let left = password.length; left > 0; left -= 16) parts.push(inner.subarray(0, Math.min(16, left)));
  for (let bits = password.length; bits > 0; bits >>= 1)
    parts.push(bits & 1 ? Buffer.from([0]) : password.subarray(0, 1));
  let result = md5(...parts);
  for (let round = 0; round < ROUNDS; round += 1) result = md5(...roundParts(round, result, password, salt));
  return result;
}

/** What both MD5-crypt and SHA-crypt feed to the digest in each of their rounds. */
export function roundParts(round: number, previous: Buffer, password: Buffer, salt: Buffer): Buffer[] {
  const odd = round % 2 === 1;
  const parts = [odd ? password : previous];
  if (round % 3 !== 0) parts.push(salt);
  if (round % 7 !== 0) parts.push(password);
  parts.push(odd ? previous : password);
  return parts;
}

function md5(...parts: readonly Buffer[]): Buffer {
  return createHash('md5').update(Buffer.concat(parts)).digest();
}
