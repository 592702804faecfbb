import { apr1 } from './apr1.ts';
import { argon2 } from './argon2.ts';
import { bcrypt } from './bcrypt.ts';
import type { PasswordHashScheme } from './scheme.ts';
import { sha1 } from './sha1.ts';

/** Every scheme that a stored hash may be in. */
export const schemes: readonly PasswordHashScheme[] = [argon2, bcrypt, apr1, sha1];

/** Why this hash cannot be checked against, in words that do not repeat it; undefined when it can. */
export function hashProblem(hash: string): string | undefined {
  const scheme = schemes.find((candidate) => candidate.recognises(hash));
  return scheme ? scheme.problem(hash) : `expected a password hash: ${schemes.map(({ name }) => name).join(', ')}`;
}

/** Takes as long as the hash was made to take: call it through a `HashPool`. A hash with a problem may throw anything. */
export function verifyHash(password: string, hash: string): boolean {
  return schemes.some((scheme) => scheme.recognises(hash) && scheme.verify(password, hash));
}
