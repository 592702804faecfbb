import { createHash, timingSafeEqual } from 'node:crypto';
import type { PlainHash } from '../../config/passwords.ts';

const DIGEST_BYTES = { md5: 16, sha1: 20, sha256: 32, sha512: 64 } as const;

/** Whether a stored hash may be a digest as `hash` says: as many hexadecimal digits, in any case. */
export function isPlainDigest({ digest }: PlainHash, stored: string): boolean {
  return stored.length === 2 * DIGEST_BYTES[digest] && /^[0-9a-f]+$/i.test(stored);
}

/** Takes microseconds, and so needs no thread of its own. Compares in constant time. Expects an `isPlainDigest`. */
export function verifyPlainDigest(
  { digest, parts }: PlainHash,
  values: Readonly<Record<'password' | 'salt' | 'username', string>>,
  stored: string,
): boolean {
  const text = parts.map((part) => {
    if (typeof part === 'string') return part;
    const value = values[part.value];
    return part.digest ? createHash(part.digest).update(value).digest('hex') : value;
  });
  return timingSafeEqual(createHash(digest).update(text.join('')).digest(), Buffer.from(stored, 'hex'));
}
