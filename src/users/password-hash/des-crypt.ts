import { DES_CRYPT } from '../../config/passwords.ts';
import { CRYPT_ALPHABET } from './crypt-base64.ts';
import { desKeys, desRounds } from './des.ts';
import { recomputedScheme } from './scheme.ts';

const FORM = /^(?:\{CRYPT\})?([./0-9A-Za-z]{2})([./0-9A-Za-z]{11})$/i;
const ITERATIONS = 25;
const READABLE_BYTES = 8;

/**
 * crypt(3)'s first scheme, of Unix before 1995: a block of zeros, encrypted 25 times by a DES that the salt changes, with
 * the password as its key. That is seven bits of each of its first eight bytes: all else of a password may be anything.
 */
export const desCrypt = recomputedScheme(DES_CRYPT, FORM, (stored) => {
  const [, salt = '', expected = ''] = FORM.exec(stored) ?? [];
  if (expected === '') return undefined;
  return { expected: Buffer.from(expected), compute: (password) => Buffer.from(encode(digest(password, salt))) };
});

/** Takes less than a tenth of a millisecond, and so needs no thread of its own. */
function digest(password: Buffer, salt: string): Buffer {
  const key = Buffer.alloc(READABLE_BYTES);
  for (const [index, byte] of password.subarray(0, READABLE_BYTES).entries()) key[index] = byte << 1;
  return desRounds(desKeys(key), ITERATIONS, swapsOf(salt));
}

/** Bit by bit, from the lowest of the first character on, the salt swaps a bit of E's first half with one of its second. */
function swapsOf(salt: string): readonly number[] {
  const swapsBy = (character: string) => {
    const value = CRYPT_ALPHABET.indexOf(character);
    return [0, 1, 2, 3, 4, 5].reduce((swaps, bit) => swaps | (((value >> bit) & 1) << (5 - bit)), 0);
  };
  return [swapsBy(salt.charAt(0)), swapsBy(salt.charAt(1)), 0, 0];
}

/** Unlike the others of crypt(3), the highest six bits first, and two zeros behind the last. */
function encode(block: Buffer): string {
  const bits = block.readBigUInt64BE() << 2n;
  return Array.from({ length: 11 }, (_, index) =>
    CRYPT_ALPHABET.charAt(Number((bits >> BigInt(60 - 6 * index)) & 0x3fn)),
  ).join('');
}
