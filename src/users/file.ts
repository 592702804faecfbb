import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { versionOf } from '../config/file-version.ts';
import { readConfiguredFile } from '../config/read-text.ts';
import type { HashedPasswords } from './hashed-passwords.ts';
import type { StoredPassword } from './password-hash/password-checker.ts';
import type { User, UserStore, Verdict } from './user-store.ts';
import { type FileUser, parseUsersFile } from './users-file/parse.ts';

const CHECK_EVERY_MS = 250;
/** A file that was written to more recently may be half written, and its next version may bear the same time. */
const SETTLE_MS = 50;
const MAX_FILE_BYTES = 16 * 1024 ** 2;

/**
 * Users of a users.yaml or an Apache htpasswd file. Before it is used, the file is looked at (at most every 250 ms) and
 * read again if it changed: unlike a watcher, this sees editors that rename and volumes that swap symbolic links. A new
 * version with a problem is told to `onProblem` once, and the last good one stays in use.
 */
export class FileUserStore implements UserStore {
  readonly #path: string;
  readonly #passwords: HashedPasswords;
  readonly #onProblem: (error: Error) => void;
  #users: ReadonlyMap<string, FileUser> = new Map();
  /** The passwords of all users, for `decoy` to choose from. */
  #decoys: readonly StoredPassword[] = [];
  /** The version that was last read, good or not. */
  #version = '';
  #checkedAtMs = 0;
  #checking: Promise<void> | undefined;

  private constructor(path: string, passwords: HashedPasswords, onProblem: (error: Error) => void) {
    this.#path = path;
    this.#passwords = passwords;
    this.#onProblem = onProblem;
  }

  /** @throws ConfigError when the file cannot be read or has problems. */
  static async open(
    path: string,
    passwords: HashedPasswords,
    onProblem: (error: Error) => void,
  ): Promise<FileUserStore> {
    const store = new FileUserStore(path, passwords, onProblem);
    await store.#read();
    store.#checkedAtMs = performance.now();
    return store;
  }

  async verify(username: string, password: string): Promise<Verdict> {
    const known = await this.#find(username);
    return known ? this.#passwords.verify(known, password, this.#decoys) : { outcome: 'unknown' };
  }

  async lookup(username: string): Promise<User | undefined> {
    const known = await this.#find(username);
    return known?.disabled ? undefined : known?.user;
  }

  async decoy(username: string, password: string): Promise<void> {
    await this.#passwords.decoy(username, password, this.#decoys);
  }

  close(): Promise<void> {
    return this.#passwords.close();
  }

  async #find(username: string): Promise<FileUser | undefined> {
    if (performance.now() - this.#checkedAtMs >= CHECK_EVERY_MS) {
      this.#checking ??= this.#check().finally(() => {
        this.#checkedAtMs = performance.now();
        this.#checking = undefined;
      });
    }
    await this.#checking;
    return this.#users.get(username);
  }

  async #check(): Promise<void> {
    if ((await versionOf(this.#path)) !== this.#version) await this.#read().catch(this.#onProblem);
  }

  /** The version is noted before the text is read, and whatever that text is: only another one is read again. */
  async #read(): Promise<void> {
    await settled(this.#path);
    this.#version = await versionOf(this.#path);
    const text = readConfiguredFile(this.#path, MAX_FILE_BYTES);
    this.#users = parseUsersFile(text, this.#path, (stored) => this.#passwords.problem(stored));
    this.#decoys = Array.from(this.#users.values(), ({ password }) => password);
  }
}

/** Resolves once the file has stood still for a moment. */
async function settled(path: string): Promise<void> {
  const ageMs = await stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => SETTLE_MS,
  );
  if (ageMs >= 0 && ageMs < SETTLE_MS) await sleep(SETTLE_MS - ageMs);
}
