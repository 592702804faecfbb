import { createHash } from 'node:crypto';
import { type PasswordHashScheme, recomputedScheme } from './scheme.ts';

const DIGESTS = { MD5: 16, SHA: 20, SHA256: 32, SHA384: 48, SHA512: 64 } as const;
type Digest = keyof typeof DIGESTS;

/**
 * One digest of the password, or of password and salt where an S leads: RFC 2307 directories, and Apache's
 * `htpasswd -s`. In Base64, the salt behind the digest. The prefix may be in any case.
 */
export const ldapDigests: readonly PasswordHashScheme[] = (Object.keys(DIGESTS) as Digest[]).flatMap((digest) => [
  ldapDigest(digest, ''),
  ldapDigest(digest, 'S'),
]);

function ldapDigest(digest: Digest, salted: '' | 'S'): PasswordHashScheme {
  const name = `{${salted}${digest}}`;
  const algorithm = digest === 'SHA' ? 'sha1' : digest;
  return recomputedScheme(name, new RegExp(`^\\{${salted}${digest}\\}`, 'i'), (stored) => {
    const encoded = stored.slice(name.length);
    const bytes = Buffer.from(encoded, 'base64');
    const [expected, salt] = [bytes.subarray(0, DIGESTS[digest]), bytes.subarray(DIGESTS[digest])];
    const whole = bytes.toString('base64') === encoded && expected.length === DIGESTS[digest];
    if (!whole || salt.length > 0 !== (salted === 'S')) return undefined;
    return { expected, compute: (password) => createHash(algorithm).update(password).update(salt).digest() };
  });
}
