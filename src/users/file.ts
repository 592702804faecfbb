import { readConfiguredFile } from '../config/read-text.ts';
import type { HashedPasswords } from './hashed-passwords.ts';
import type { PasswordChecker, StoredPassword } from './password-hash/password-checker.ts';
import type { User, UserStore, Verdict } from './user-store.ts';
import { type FileUser, parseUsersFile } from './users-file/parse.ts';

const MAX_FILE_BYTES = 16 * 1024 ** 2;

/** Users of a users.yaml or an Apache htpasswd file, as it was when it was opened: a changed file is opened anew. */
export class FileUserStore implements UserStore {
  readonly #passwords: HashedPasswords;
  readonly #users: ReadonlyMap<string, FileUser>;
  /** The passwords of all users, for `decoy` to choose from. */
  readonly #decoys: readonly StoredPassword[];

  /** @throws ConfigError when the file cannot be read or has problems. */
  constructor(path: string, passwords: HashedPasswords) {
    this.#passwords = passwords;
    this.#users = readUsers(path, passwords);
    this.#decoys = Array.from(this.#users.values(), ({ password }) => password);
  }

  async verify(username: string, password: string): Promise<Verdict> {
    const known = this.#users.get(username);
    return known ? this.#passwords.verify(known, password, this.#decoys) : { outcome: 'unknown' };
  }

  async lookup(username: string): Promise<User | undefined> {
    const known = this.#users.get(username);
    return known?.disabled ? undefined : known?.user;
  }

  async decoy(username: string, password: string): Promise<void> {
    await this.#passwords.decoy(username, password, this.#decoys);
  }

  close(): Promise<void> {
    return this.#passwords.close();
  }
}

/** The users of a file, by username. @throws ConfigError when the file cannot be read or has problems. */
export function readUsers(path: string, passwords: Pick<PasswordChecker, 'problem'>): ReadonlyMap<string, FileUser> {
  return parseUsersFile(readConfiguredFile(path, MAX_FILE_BYTES), path, (stored) => passwords.problem(stored));
}
