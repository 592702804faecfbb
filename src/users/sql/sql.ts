import type { Finding } from '../../config/finding.ts';
import { isPlausibleUsername } from '../credentials.ts';
import type { HashedPasswords, HashedUser } from '../hashed-passwords.ts';
import type { StoredPassword } from '../password-hash/password-checker.ts';
import type { User, UserStore, Verdict } from '../user-store.ts';
import type { BoundedDatabase } from './bounded-database.ts';
import { type Row, readRow } from './row.ts';

const MAX_DECOYS = 64;

/**
 * Users of a PostgreSQL, MySQL or MariaDB database. The operator's query finds a user by name; its columns become
 * attributes, but for `password_hash` and `disabled`. What is no clear answer (no connection, more than one row, no
 * `password_hash`) is an outage.
 */
export class SqlUserStore implements UserStore {
  readonly #database: BoundedDatabase;
  readonly #passwords: HashedPasswords;
  /** The first passwords that were seen, as they were last, for `decoy` to choose from; by username. */
  readonly #decoys = new Map<string, StoredPassword>();

  constructor(database: BoundedDatabase, passwords: HashedPasswords) {
    this.#database = database;
    this.#passwords = passwords;
  }

  async verify(username: string, password: string): Promise<Verdict> {
    const known = await this.#find(username);
    return known ? this.#passwords.verify(known, password, [...this.#decoys.values()]) : { outcome: 'unknown' };
  }

  async lookup(username: string): Promise<User | undefined> {
    const known = await this.#find(username);
    return known?.disabled ? undefined : known?.user;
  }

  async decoy(username: string, password: string): Promise<void> {
    await this.#passwords.decoy(username, password, [...this.#decoys.values()]);
  }

  probe(): Promise<readonly Finding[]> {
    return this.#database.probe();
  }

  async close(): Promise<void> {
    await this.#passwords.close();
    await this.#database.close();
  }

  async #find(username: string): Promise<HashedUser | undefined> {
    if (!isPlausibleUsername(username)) return undefined;
    const known = await this.#database.select(username, (rows) => onlyUser(rows, username));
    if (known?.password) this.#keepDecoy(known.password);
    return known;
  }

  /** What no password can be checked against would be an outage for unknown users too. */
  #keepDecoy(password: StoredPassword): void {
    const { username } = password;
    const hasPlace = this.#decoys.has(username) || this.#decoys.size < MAX_DECOYS;
    if (hasPlace && this.#passwords.problem(password) === undefined) this.#decoys.set(username, password);
  }
}

function onlyUser(rows: readonly Row[], username: string): HashedUser | undefined {
  if (rows.length > 1) throw new Error('the query found more than one user of one name');
  return rows[0] && readRow(rows[0], username);
}
