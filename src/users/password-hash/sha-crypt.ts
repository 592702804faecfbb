import { createHash } from 'node:crypto';
import { encodeCrypt } from './crypt-base64.ts';
import { roundParts } from './md5-crypt.ts';
import { type ParsedHash, type PasswordHashScheme, recomputedScheme } from './scheme.ts';

const DEFAULT_ROUNDS = 5000;
/** A smaller number in a hash means this one. */
const MIN_ROUNDS = 1000;
/** About two seconds. passlib's default is 656,000. */
const MAX_ROUNDS = 1_000_000;
/** crypt(3) takes no longer ones; all of it is read in every round. */
const MAX_PASSWORD_BYTES = 512;

/** The digest's bytes in the order in which they are written: three columns, turned by one place from row to row. */
const SHA512_ORDER = [
  ...Array.from({ length: 21 }, (_, row) => turned([row, row + 21, row + 42], row % 3)),
  [63],
] as const;
const SHA256_ORDER = [
  ...Array.from({ length: 10 }, (_, row) => turned([row, row + 10, row + 20], (2 * row) % 3)),
  [31, 30],
] as const;

const CHARACTERS = { sha256: 43, sha512: 86 } as const;
type Algorithm = keyof typeof CHARACTERS;

/** Ulrich Drepper's SHA-crypt, of crypt(3): https://www.akkadia.org/drepper/SHA-crypt.txt */
export const sha512Crypt = shaCrypt('sha512', /^\$6\$/);
export const sha256Crypt = shaCrypt('sha256', /^\$5\$/);

const FORM = /^\$[56]\$(?:rounds=(\d{1,9})\$)?([^$:]{0,16})\$([./0-9A-Za-z]+)$/;

function shaCrypt(algorithm: Algorithm, prefix: RegExp): PasswordHashScheme {
  return recomputedScheme(
    `${algorithm}-crypt`,
    prefix,
    (stored) => {
      const [, rounds = DEFAULT_ROUNDS, salt = '', expected = ''] = FORM.exec(stored) ?? [];
      return shaHash(algorithm, { rounds: Math.max(MIN_ROUNDS, Number(rounds)), salt, expected });
    },
    MAX_PASSWORD_BYTES,
  );
}

/** A salt of 20 bytes, and nothing between it and the rest. */
const MYSQL_FORM = /^\$A\$([0-9A-F]{3})\$([^$]{20})([./0-9A-Za-z]+)$/;

/** The same with a longer salt, in thousands of rounds: MySQL's own accounts (`caching_sha2_password`). */
export const mysqlSha2 = recomputedScheme(
  'mysql-sha2',
  /^\$A\$/,
  (stored) => {
    const [, thousands = '', salt = '', expected = ''] = MYSQL_FORM.exec(stored) ?? [];
    return shaHash('sha256', { rounds: 1000 * Number.parseInt(thousands, 16), salt, expected });
  },
  MAX_PASSWORD_BYTES,
);

function shaHash(
  algorithm: Algorithm,
  { rounds, salt, expected }: { readonly rounds: number; readonly salt: string; readonly expected: string },
): ParsedHash | undefined {
  if (expected.length !== CHARACTERS[algorithm] || rounds === 0) return undefined;
  const order = algorithm === 'sha512' ? SHA512_ORDER : SHA256_ORDER;
  return {
    expected: Buffer.from(expected),
    excess: rounds > MAX_ROUNDS ? `rounds=${rounds}` : undefined,
    compute: (password) => Buffer.from(encodeCrypt(digest(algorithm, password, Buffer.from(salt), rounds), order)),
  };
}

/** The steps of the specification; numbers in comments are its own. */
function digest(algorithm: Algorithm, password: Buffer, salt: Buffer, rounds: number): Buffer {
  const sum = (...parts: readonly Buffer[]) => createHash(algorithm).update(Buffer.concat(parts)).digest();
  const inner = sum(password, salt, password); // 4 to 8
  const parts = [password, salt, stretched(inner, password.length)]; // 1 to 3, 9, 10
  for (let bits = password.length; bits > 0; bits >>= 1) parts.push(bits & 1 ? inner : password); // 11
  let result = sum(...parts); // 12
  const passwordBytes = stretched(sum(...repeated(password, password.length)), password.length); // 13 to 16
  const saltBytes = stretched(sum(...repeated(salt, 16 + result.readUInt8(0))), salt.length); // 17 to 20
  for (let round = 0; round < rounds; round += 1) {
    result = sum(...roundParts(round, result, passwordBytes, saltBytes)); // 21
  }
  return result;
}

function turned(row: readonly number[], places: number): readonly number[] {
  return [...row.slice(places), ...row.slice(0, places)];
}

function repeated(bytes: Buffer, times: number): Buffer[] {
  return Array.from({ length: times }, () => bytes);
}

/** `length` bytes: `bytes` again and again. */
function stretched(bytes: Buffer, length: number): Buffer {
  return Buffer.concat(repeated(bytes, Math.ceil(length / bytes.length)), length);
}
