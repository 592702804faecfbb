import { createHash } from 'node:crypto';
import { CRYPT_ALPHABET, encodeInOrder } from './crypt-base64.ts';
import { recomputedScheme } from './scheme.ts';

/** Each step doubles the time: 18 is about half a second, and two for a long password. WordPress has 13, Drupal 15. */
const MAX_COST = 18;
/** Drupal takes no longer ones; all of it is read in every round. */
const MAX_DRUPAL_PASSWORD_BYTES = 512;

/** Openwall's portable PHP hashes: WordPress before 6.8 ($P$) and phpBB 3 ($H$). */
export const phpass = recomputedScheme('phpass', /^\$[PH]\$/, (stored) => {
  const [, cost, salt, expected] = /^\$[PH]\$(.)(.{8})([./0-9A-Za-z]{22})$/.exec(stored) ?? [];
  return parsed('md5', cost, salt, expected);
});

/** The same with SHA-512, cut off: Drupal 7 to 10.0. `U$` marks a hash of the MD5 that Drupal 6 had kept. */
export const drupal = recomputedScheme(
  'drupal',
  /^U?\$S\$/,
  (stored) => {
    const [, updated, cost, salt, expected] = /^(U?)\$S\$(.)(.{8})([./0-9A-Za-z]{43})$/.exec(stored) ?? [];
    const hash = parsed('sha512', cost, salt, expected);
    if (!hash || !updated) return hash;
    return { ...hash, compute: (password) => hash.compute(Buffer.from(md5Hex(password))) };
  },
  MAX_DRUPAL_PASSWORD_BYTES,
);

function parsed(algorithm: 'md5' | 'sha512', costCharacter = '', salt = '', expected = '') {
  const cost = costCharacter === '' ? -1 : CRYPT_ALPHABET.indexOf(costCharacter);
  if (cost < 0) return undefined;
  return {
    expected: Buffer.from(expected),
    excess: cost > MAX_COST ? `2^${cost} rounds` : undefined,
    compute: (password: Buffer) =>
      Buffer.from(encodeInOrder(digest(algorithm, password, Buffer.from(salt), 2 ** cost)).slice(0, expected.length)),
  };
}

function digest(algorithm: string, password: Buffer, salt: Buffer, rounds: number): Buffer {
  let result = salt;
  for (let round = 0; round <= rounds; round += 1) {
    result = createHash(algorithm).update(result).update(password).digest();
  }
  return result;
}

function md5Hex(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex');
}
