import type { SqlUsersConfig } from '../../config/schema.ts';
import { BoundedCalls, type Time } from '../bounded-calls.ts';
import { isPlausibleUsername } from '../credentials.ts';
import { chooseDecoy } from '../decoy.ts';
import type { PasswordChecker, StoredPassword } from '../password-hash/password-checker.ts';
import type { User, UserStore, Verdict } from '../user-store.ts';
import { type Row, readRow, type SqlUser } from './row.ts';

/** A pool of connections to one database, through the driver of its kind. */
export interface Database {
  /** @throws Error within the time-out when no connection can be had. */
  connect(): Promise<Connection>;
  close(): Promise<void>;
}

export interface Connection {
  /** The rows of the configured query for this username, which is bound to `$1`. */
  select(username: string): Promise<readonly Row[]>;
  /** Back to the pool. */
  release(): void;
  /** Closed at once, whatever runs on it. */
  destroy(): void;
}

const MAX_DECOYS = 64;

/**
 * Users of a PostgreSQL, MySQL or MariaDB database. The operator's query finds a user by name; its columns become
 * attributes, but for `password_hash` and `disabled`. What is no clear answer (no connection, more than one row, no
 * `password_hash`) is an outage.
 */
export class SqlUserStore implements UserStore {
  readonly #database: Database;
  readonly #passwords: PasswordChecker;
  readonly #calls: BoundedCalls;
  /** The first passwords that were seen, for `decoy` to choose from. */
  readonly #decoys: StoredPassword[] = [];

  constructor(database: Database, passwords: PasswordChecker, bounds: Pick<SqlUsersConfig, 'timeout' | 'concurrency'>) {
    this.#database = database;
    this.#passwords = passwords;
    this.#calls = new BoundedCalls(bounds);
  }

  async verify(username: string, password: string): Promise<Verdict> {
    const known = await this.#find(username);
    if (!known) return { outcome: 'unknown' };
    const right = await this.#check(known, password);
    if (known.disabled) return { outcome: 'rejected', reason: 'disabled' };
    return right ? { outcome: 'accepted', user: known.user } : { outcome: 'rejected' };
  }

  async lookup(username: string): Promise<User | undefined> {
    const known = await this.#find(username);
    return known?.disabled ? undefined : known?.user;
  }

  async decoy(username: string, password: string): Promise<void> {
    await this.#passwords.verify(password, chooseDecoy(username, this.#decoys));
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  /** Who has no password has none that is right, at the same price. */
  async #check({ user, password: stored }: SqlUser, password: string): Promise<boolean> {
    if (stored !== undefined) return this.#passwords.verify(password, stored);
    await this.decoy(user.username, password);
    return false;
  }

  async #find(username: string): Promise<SqlUser | undefined> {
    if (!isPlausibleUsername(username)) return undefined;
    const known = await this.#calls.run(async (time) => onlyUser(await this.#select(username, time), username));
    if (known?.password) this.#keepDecoy(known.password);
    return known;
  }

  /** What no password can be checked against would be an outage for unknown users too. */
  #keepDecoy(password: StoredPassword): void {
    if (this.#decoys.length < MAX_DECOYS && this.#passwords.problem(password) === undefined)
      this.#decoys.push(password);
  }

  async #select(username: string, { signal }: Time): Promise<readonly Row[]> {
    const connection = await this.#database.connect();
    if (signal.aborted) {
      connection.release();
      throw signal.reason;
    }
    const destroy = () => connection.destroy();
    signal.addEventListener('abort', destroy);
    try {
      const rows = await connection.select(username);
      connection.release();
      return rows;
    } catch (error) {
      if (!signal.aborted) connection.destroy();
      throw error;
    } finally {
      signal.removeEventListener('abort', destroy);
    }
  }
}

function onlyUser(rows: readonly Row[], username: string): SqlUser | undefined {
  if (rows.length > 1) throw new Error('the query found more than one user of one name');
  return rows[0] && readRow(rows[0], username);
}
