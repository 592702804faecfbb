import type { HashUpgrade } from '../observe/user-store-events.ts';
import { BackgroundTasks } from './background-tasks.ts';
import { argon2id, isWeakHash } from './password-hash/argon2.ts';
import type { HashMaker } from './password-hash/hash-pool.ts';
import type { PasswordChecker, StoredPassword } from './password-hash/password-checker.ts';

/** Where new hashes are kept: in the user store itself, or in an overlay. */
export interface HashKeeper {
  /** What is kept in the place of a stored password; that itself where nothing is. Left out where the user store has it. */
  current?(stored: StoredPassword): Promise<StoredPassword>;
  /** @throws Error when the hash is not kept. */
  keep(stored: StoredPassword, password_hash: string): Promise<void>;
}

export type UpgradeReport = (upgrade: Omit<HashUpgrade, 'store'>) => void;

/**
 * Replaces weak hashes by strong ones, for which the password is needed: so at a login, but beside its answer. What does
 * not work is told to `report`, and tried again at the user's next login.
 */
export class PasswordUpgrades {
  readonly #checker: PasswordChecker;
  readonly #hashes: HashMaker;
  readonly #keeper: HashKeeper;
  readonly #report: UpgradeReport;
  readonly #tasks = new BackgroundTasks();
  /** Whose hash is being replaced, so that it is once for many logins at the same time. */
  readonly #usernames = new Set<string>();

  constructor(checker: PasswordChecker, hashes: HashMaker, keeper: HashKeeper, report: UpgradeReport) {
    this.#checker = checker;
    this.#hashes = hashes;
    this.#keeper = keeper;
    this.#report = report;
  }

  /** What the password has to be checked against. */
  async current(stored: StoredPassword): Promise<StoredPassword> {
    return this.#keeper.current ? this.#keeper.current(stored) : stored;
  }

  /** To be called after a login with the right password, with what it was checked against. */
  offer(password: string, stored: StoredPassword): void {
    const { username, password_hash } = stored;
    if (!isWeakHash(password_hash) || this.#usernames.has(username)) return;
    const taken = this.#tasks.offer(() => this.#upgrade(password, stored));
    if (taken) this.#usernames.add(username);
    else this.#report({ ...this.#named(stored), outcome: 'dropped' });
  }

  close(): Promise<void> {
    return this.#tasks.close();
  }

  async #upgrade(password: string, stored: StoredPassword): Promise<void> {
    const named = this.#named(stored);
    try {
      await this.#keeper.keep(stored, await this.#hashes.hash(this.#checker.inForm(password)));
      this.#report({ ...named, outcome: 'upgraded' });
    } catch (cause) {
      this.#report({ ...named, outcome: 'failed', cause });
    } finally {
      this.#usernames.delete(stored.username);
    }
  }

  #named({ username, password_hash }: StoredPassword) {
    return { username, from: this.#checker.schemeName(password_hash) ?? 'unknown', to: argon2id.name };
  }
}
