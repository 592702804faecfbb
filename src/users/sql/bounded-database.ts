import { attempt, type Finding } from '../../config/finding.ts';
import type { SqlUsersConfig } from '../../config/schema.ts';
import { OVERLAY } from '../../config/user-store-sections.ts';
import { BoundedCalls, type Time } from '../bounded-calls.ts';
import type { StoredPassword } from '../password-hash/password-checker.ts';
import type { HashKeeper } from '../password-upgrades.ts';
import type { Row } from './row.ts';

/** What the configuration has for a database to run. */
export type Statement = 'query' | 'rehash';

/** A pool of connections to one database, through the driver of its kind. */
export interface Database {
  /** @throws Error within the time-out when no connection can be had. */
  connect(): Promise<Connection>;
  close(): Promise<void>;
}

export interface Connection {
  /** The rows of the configured query for this username, which is bound to `$1`. */
  select(username: string): Promise<readonly Row[]>;
  /**
   * Runs the configured `rehash` with these bound to `$1`, `$2` and so on.
   * @throws Error unless it changes one row; then it changes nothing.
   */
  rehash(values: readonly string[]): Promise<void>;
  /** Has the server read a configured statement, without running it. @throws Error when it cannot be run. */
  prepare(which: Statement): Promise<void>;
  /** Back to the pool. */
  release(): void;
  /** Closed at once, whatever runs on it. */
  destroy(): void;
}

/** A database that is asked within `timeout`, by `concurrency` at once. What it does not do in time is an outage. */
export class BoundedDatabase implements HashKeeper {
  readonly #database: Database;
  readonly #calls: BoundedCalls;
  readonly #statements: readonly Statement[];

  constructor(database: Database, config: Pick<SqlUsersConfig, 'timeout' | 'concurrency' | 'rehash'>) {
    this.#database = database;
    this.#calls = new BoundedCalls(config);
    this.#statements = [undefined, OVERLAY].includes(config.rehash) ? ['query'] : ['query', 'rehash'];
  }

  /** What `read` makes of the rows of the user; what it throws is an outage too. */
  async select<Answer>(username: string, read: (rows: readonly Row[]) => Answer): Promise<Answer> {
    return this.#calls.run(async (time) => read(await this.#use(time, (connection) => connection.select(username))));
  }

  /** By the configured `rehash`, which may compare the hash that is replaced. */
  async keep({ username, password_hash: replaced }: StoredPassword, password_hash: string): Promise<void> {
    const values = [username, password_hash, replaced];
    await this.#calls.run((time) => this.#use(time, (connection) => connection.rehash(values)));
  }

  /** Whether a connection can be had, and the statements run on it. */
  async probe(): Promise<readonly Finding[]> {
    const use = (task: (connection: Connection) => Promise<void>) => this.#calls.run((time) => this.#use(time, task));
    const unreachable = await attempt(['url'], 'users-unreachable', () => use(async () => {}));
    if (unreachable.length > 0) return unreachable;
    const found = this.#statements.map((which) =>
      attempt([which], 'users-statement', () => use((connection) => connection.prepare(which))),
    );
    return (await Promise.all(found)).flat();
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  async #use<Answer>({ signal }: Time, task: (connection: Connection) => Promise<Answer>): Promise<Answer> {
    const connection = await this.#database.connect();
    if (signal.aborted) {
      connection.release();
      throw signal.reason;
    }
    const destroy = () => connection.destroy();
    signal.addEventListener('abort', destroy);
    try {
      const answer = await task(connection);
      connection.release();
      return answer;
    } catch (error) {
      if (!signal.aborted) connection.destroy();
      throw error;
    } finally {
      signal.removeEventListener('abort', destroy);
    }
  }
}

/** @throws Error unless a `rehash` has changed one row: with more, all of them would have one user's password. */
export function assertOneRow(changed: number | null): void {
  if (changed !== 1) throw new Error(`\`rehash\` would change ${changed ?? 'no'} rows, and not one`);
}
