import { DES_CRYPT, type PasswordConfig, type PlainHash } from '../../config/passwords.ts';
import { unavailable } from '../../errors.ts';
import { desCrypt } from './des-crypt.ts';
import type { HashVerifier } from './hash-pool.ts';
import { isPlainDigest, verifyPlainDigest } from './plain-digest.ts';
import { hashProblem, isFastHash, schemeName } from './schemes.ts';

/** What a user store keeps of a user's password. */
export interface StoredPassword {
  readonly username: string;
  readonly password_hash: string;
  /** Only for a `hash` with {salt} in it; all other hashes hold their salt. */
  readonly password_salt?: string | undefined;
}

const MAX_SALT_CHARACTERS = 1024;

/**
 * Checks passwords against what one user store keeps of them, with the store's `hash` and `unicode`. A stored hash that
 * no `hash` was configured for, or that has another form, has to be in one of the schemes.
 */
export class PasswordChecker {
  readonly #hashes: HashVerifier;
  readonly #config: PasswordConfig;

  constructor(hashes: HashVerifier, { hash, unicode }: PasswordConfig) {
    this.#hashes = hashes;
    this.#config = { hash, unicode };
  }

  /** Why no password can be checked against this, in words that do not repeat it; undefined when one can. */
  problem({ password_hash, password_salt }: StoredPassword): string | undefined {
    if (this.#isDes(password_hash)) return undefined;
    const hash = this.#plainHash(password_hash);
    if (!hash) return hashProblem(password_hash);
    if (!hash.parts.some((part) => typeof part === 'object' && part.value === 'salt')) return undefined;
    if (password_salt === undefined) return 'the `hash` of this user store needs a `password_salt`';
    return password_salt.length > MAX_SALT_CHARACTERS
      ? `a password_salt of more than ${MAX_SALT_CHARACTERS} characters`
      : undefined;
  }

  /** @throws GatewayError `temporarily_unavailable` when there is a `problem`, and as `HashPool.verify` does. */
  async verify(password: string, stored: StoredPassword): Promise<boolean> {
    const problem = this.problem(stored);
    if (problem !== undefined) throw unavailable(new Error(problem));
    const { username, password_hash, password_salt: salt = '' } = stored;
    const typed = this.inForm(password);
    if (this.#isDes(password_hash)) return desCrypt.verify(typed, password_hash);
    const hash = this.#plainHash(password_hash);
    return hash
      ? verifyPlainDigest(hash, { password: typed, salt, username }, password_hash)
      : this.#hashes.verify(typed, password_hash);
  }

  /** A password as it is hashed: in the Unicode form that the store says. */
  inForm(password: string): string {
    return this.#config.unicode === 'nfc' ? password.normalize('NFC') : password;
  }

  /** Whether whoever has the hash soon has the password. */
  isWeak(password_hash: string): boolean {
    return this.#isDes(password_hash) || this.#plainHash(password_hash) !== undefined || isFastHash(password_hash);
  }

  /** What logs and metrics call the scheme of a hash: that of a `hash` is the name of its digest. */
  schemeName(password_hash: string): string | undefined {
    if (this.#isDes(password_hash)) return desCrypt.name;
    return this.#plainHash(password_hash)?.digest ?? schemeName(password_hash);
  }

  #isDes(password_hash: string): boolean {
    return this.#config.hash === DES_CRYPT && desCrypt.recognises(password_hash);
  }

  #plainHash(password_hash: string): PlainHash | undefined {
    const { hash } = this.#config;
    return typeof hash === 'object' && isPlainDigest(hash, password_hash) ? hash : undefined;
  }
}
