import { createHash, timingSafeEqual } from 'node:crypto';
import type { PasswordHashScheme } from './scheme.ts';

const PATTERN = /^\$apr1\$([^$:]{1,8})\$([./0-9A-Za-z]{22})$/;
const ROUNDS = 1000;

/** Apache's `htpasswd -m` and `openssl passwd -apr1`: Poul-Henning Kamp's MD5-crypt with a prefix of its own. */
export const apr1: PasswordHashScheme = {
  name: 'apr1',

  recognises: (stored) => stored.startsWith('$apr1$'),

  problem: (stored) => (PATTERN.test(stored) ? undefined : 'a malformed apr1 hash'),

  verify(password, stored) {
    const [, salt = '', expected = ''] = PATTERN.exec(stored) ?? [];
    const computed = encode(digest(Buffer.from(password), Buffer.from(salt)));
    return timingSafeEqual(Buffer.from(computed), Buffer.from(expected));
  },
};

/** Step by step as in apr_md5_encode() of the Apache Portable Runtime, its oddities included. */
function digest(password: Buffer, salt: Buffer): Buffer {
  const inner = md5(password, salt, password);
  const parts = [password, Buffer.from('$apr1$'), salt];
  for (let left = password.length; left > 0; left -= 16) parts.push(inner.subarray(0, Math.min(16, left)));
  for (let bits = password.length; bits > 0; bits >>= 1)
    parts.push(bits & 1 ? Buffer.from([0]) : password.subarray(0, 1));
  let result = md5(...parts);
  for (let round = 0; round < ROUNDS; round += 1) result = md5(...roundParts(round, result, password, salt));
  return result;
}

function roundParts(round: number, previous: Buffer, password: Buffer, salt: Buffer): Buffer[] {
  const odd = round % 2 === 1;
  const parts = [odd ? password : previous];
  if (round % 3 !== 0) parts.push(salt);
  if (round % 7 !== 0) parts.push(password);
  parts.push(odd ? previous : password);
  return parts;
}

function md5(...parts: readonly Buffer[]): Buffer {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** The digest's bytes in crypt's order, three to four characters; the last one is alone. */
const BYTE_ORDER = [
  [0, 6, 12],
  [1, 7, 13],
  [2, 8, 14],
  [3, 9, 15],
  [4, 10, 5],
] as const;

function encode(bytes: Buffer): string {
  const groups = BYTE_ORDER.map(([high, middle, low]) =>
    characters((bytes.readUInt8(high) << 16) | (bytes.readUInt8(middle) << 8) | bytes.readUInt8(low), 4),
  );
  return groups.join('') + characters(bytes.readUInt8(11), 2);
}

/** Six bits a character, the lowest first. */
function characters(value: number, count: number): string {
  return Array.from({ length: count }, (_, index) => ALPHABET.charAt((value >> (6 * index)) & 0x3f)).join('');
}
