/** One way in which passwords are hashed. Its functions are synchronous: `verify` runs on a thread of its own. */
export interface PasswordHashScheme {
  readonly name: string;
  /** Whether the hash is written in this scheme, by its prefix. */
  recognises(hash: string): boolean;
  /** Why a recognised hash cannot be used: malformed, or so costly that one check would occupy a thread for many seconds. */
  problem(hash: string): string | undefined;
  /** Compares in constant time. Expects a recognised hash without a problem. */
  verify(password: string, hash: string): boolean;
}
