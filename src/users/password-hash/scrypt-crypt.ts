import { CRYPT_ALPHABET, encodeInOrder } from './crypt-base64.ts';
import { recomputedScheme } from './scheme.ts';
import { scryptDerivation } from './scrypt.ts';

const FORM = /^\$7\$([./0-9A-Za-z])([./0-9A-Za-z]{5})([./0-9A-Za-z]{5})([^$]*)\$([./0-9A-Za-z]{43})$/;
const KEY_BYTES = 32;

/** scrypt (RFC 7914) of crypt(3), by Alexander Peslyak: the logarithm of N, then r, p, the salt as it is written, and the key. */
export const scryptCrypt = recomputedScheme('scrypt-crypt', /^\$7\$/, (stored) => {
  const [, ln = '', r = '', p = '', salt = '', expected = ''] = FORM.exec(stored) ?? [];
  const parameters = { N: 2 ** decode(ln), r: decode(r), p: decode(p), salt: Buffer.from(salt), keyBytes: KEY_BYTES };
  const derivation = scryptDerivation(parameters);
  if (!derivation) return undefined;
  const compute = (password: Buffer) => Buffer.from(encodeInOrder(derivation.compute(password)));
  return { expected: Buffer.from(expected), excess: derivation.excess, compute };
});

/** A number, the lowest six bits first. */
function decode(characters: string): number {
  return Array.from(characters).reduceRight((number, character) => 64 * number + CRYPT_ALPHABET.indexOf(character), 0);
}
