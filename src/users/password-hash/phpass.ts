import { createHash } from 'node:crypto';
import { CRYPT_ALPHABET, encodeCrypt } from './crypt-base64.ts';
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
      Buffer.from(encode(digest(algorithm, password, Buffer.from(salt), 2 ** cost)).slice(0, expected.length)),
  };
}

function digest(algorithm: string, password: Buffer, salt: Buffer, rounds: number): Buffer {
  let result = salt;
  for (let round = 0; round <= rounds; round += 1) {
    result = createHash(algorithm).update(result).update(password).digest();
  }
  return result;
}

/** The bytes in their own order, three to four characters; of each three the last one is the most significant. */
function encode(bytes: Buffer): string {
  const groups = Array.from({ length: Math.ceil(bytes.length / 3) }, (_, index) =>
    [3 * index + 2, 3 * index + 1, 3 * index].filter((place) => place < bytes.length),
  );
  return encodeCrypt(bytes, groups);
}

function md5Hex(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex');
}
