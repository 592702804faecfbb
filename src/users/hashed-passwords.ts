import { chooseDecoy } from './decoy.ts';
import type { PasswordChecker, StoredPassword } from './password-hash/password-checker.ts';
import type { PasswordUpgrades } from './password-upgrades.ts';
import type { User, Verdict } from './user-store.ts';

/** A user as a store that keeps hashes knows them. */
export interface HashedUser {
  readonly user: User;
  /** Undefined for a user who has none, and cannot log in. */
  readonly password: StoredPassword | undefined;
  readonly disabled: boolean;
}

/** The logins of a store that keeps hashes. */
export class HashedPasswords {
  readonly #checker: PasswordChecker;
  readonly #upgrades: PasswordUpgrades | undefined;

  constructor(checker: PasswordChecker, upgrades?: PasswordUpgrades) {
    this.#checker = checker;
    this.#upgrades = upgrades;
  }

  /** Why no password can be checked against this, in words that do not repeat it; undefined when one can. */
  problem(stored: StoredPassword): string | undefined {
    return this.#checker.problem(stored);
  }

  /** Who is disabled, and who has no password, is refused at the price of a check. */
  async verify(
    { user, password: stored, disabled }: HashedUser,
    password: string,
    decoys: readonly StoredPassword[],
  ): Promise<Verdict> {
    const current = await this.#current(stored ?? chooseDecoy(user.username, decoys));
    const right = await this.#checker.verify(password, current);
    if (disabled) return { outcome: 'rejected', reason: 'disabled' };
    if (!right || stored === undefined) return { outcome: 'rejected' };
    this.#upgrades?.offer(password, current);
    return { outcome: 'accepted', user };
  }

  /** Costs what `verify` costs for one of the users whose passwords these are. */
  async decoy(username: string, password: string, decoys: readonly StoredPassword[]): Promise<void> {
    await this.#checker.verify(password, await this.#current(chooseDecoy(username, decoys)));
  }

  async close(): Promise<void> {
    await this.#upgrades?.close();
  }

  async #current(stored: StoredPassword): Promise<StoredPassword> {
    return this.#upgrades ? this.#upgrades.current(stored) : stored;
  }
}
