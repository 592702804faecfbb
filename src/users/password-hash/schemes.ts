import { argon2d, argon2i, argon2id } from './argon2.ts';
import { aspnetIdentity } from './aspnet-identity.ts';
import { bcrypt } from './bcrypt.ts';
import { desCrypt } from './des-crypt.ts';
import { ldapCrypt } from './ldap-crypt.ts';
import { ldapDigests } from './ldap-digest.ts';
import { apr1, md5Crypt } from './md5-crypt.ts';
import { mysql, mysqlOld } from './mysql.ts';
import { pbkdf2 } from './pbkdf2.ts';
import { drupal, phpass } from './phpass.ts';
import type { PasswordHashScheme } from './scheme.ts';
import { scrypt } from './scrypt.ts';
import { scryptCrypt } from './scrypt-crypt.ts';
import { mysqlSha2, sha256Crypt, sha512Crypt } from './sha-crypt.ts';
import { wordpress } from './wordpress.ts';

/** Every scheme that a stored hash may be in. No two recognise the same hash. */
const schemes: readonly PasswordHashScheme[] = [
  ...[argon2id, argon2i, argon2d, bcrypt, scrypt, pbkdf2, aspnetIdentity],
  ...[sha512Crypt, sha256Crypt, scryptCrypt, md5Crypt, apr1, phpass, wordpress, drupal],
  ...[...ldapDigests, ldapCrypt, mysql, mysqlOld, mysqlSha2],
];

/** The longest that a scheme writes is below 300. */
const MAX_HASH_CHARACTERS = 1024;

/** It is not in the list: it takes all passwords for the same that begin with the same eight characters. */
const DES_UNASKED = `it looks like a DES hash of crypt(3), which \`hash: ${desCrypt.name}\` asks for: see docs/users.md`;

/** Why this hash cannot be checked against, in words that do not repeat it; undefined when it can. */
export function hashProblem(hash: string): string | undefined {
  if (hash.length > MAX_HASH_CHARACTERS) return `a hash of more than ${MAX_HASH_CHARACTERS} characters`;
  if (desCrypt.recognises(hash)) return DES_UNASKED;
  const scheme = schemeOf(hash);
  return scheme ? scheme.problem(hash) : 'expected a password hash in one of the forms that docs/users.md lists';
}

/** Made of one digest, or of a thousand: who has such a hash soon has the password, if people can remember it. */
const FAST = new Set([md5Crypt, apr1, phpass, ...ldapDigests, mysql, mysqlOld].map(({ name }) => name));

/** Whether a hash can be computed so fast that it protects nothing, as far as its scheme tells. */
export function isFastHash(hash: string): boolean {
  const name = schemeName(hash.replace(/^\{CRYPT\}/i, ''));
  return name !== undefined && FAST.has(name);
}

/** What logs and metrics call the scheme of a hash; undefined when it is in none. */
export function schemeName(hash: string): string | undefined {
  return schemeOf(hash)?.name;
}

/** Takes as long as the hash was made to take: call it through a `HashPool`. A hash with a problem may throw anything. */
export function verifyHash(password: string, hash: string): boolean {
  return schemeOf(hash)?.verify(password, hash) ?? false;
}

function schemeOf(hash: string): PasswordHashScheme | undefined {
  return schemes.find((scheme) => scheme.recognises(hash));
}
