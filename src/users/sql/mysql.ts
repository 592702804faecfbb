import { createPool, type Pool, type PoolConnection, type PoolOptions, type ResultSetHeader } from 'mysql2/promise';
import type { SqlUsersConfig } from '../../config/schema.ts';
import { parametersOf, replaceParameters } from '../../config/sql-parameters.ts';
import { type Address, addressOf } from './address.ts';
import { assertOneRow, type Connection, type Database } from './bounded-database.ts';
import type { Row } from './row.ts';

/** MySQL and MariaDB. */
export class MysqlDatabase implements Database {
  readonly #pool: Pool;
  readonly #query: Statement;
  readonly #rehash: Statement;

  constructor(config: SqlUsersConfig, ca: string | undefined) {
    this.#pool = createPool(poolOptions(config, addressOf(config.url), ca));
    this.#query = prepare(config.query);
    this.#rehash = prepare(config.rehash ?? '');
    const limit = limitStatements(config.timeout);
    this.#pool.pool.on('connection', (connection) => {
      connection.query(limit, (error) => error && connection.destroy());
    });
  }

  async connect(): Promise<Connection> {
    const connection = await this.#pool.getConnection();
    return {
      select: async (username) => {
        const [rows] = await connection.execute(this.#query.text, this.#query.bind([username]));
        return rows as Row[];
      },
      rehash: (values) => this.#replace(connection, values),
      prepare: async (which) => {
        const prepared = await connection.prepare((which === 'query' ? this.#query : this.#rehash).text);
        await prepared.close();
      },
      release: () => connection.release(),
      destroy: () => connection.destroy(),
    };
  }

  async close(): Promise<void> {
    // It fails with a connection that was still being made, which is closed by that.
    await this.#pool.end().catch(() => {});
  }

  async #replace(connection: PoolConnection, values: readonly string[]): Promise<void> {
    await connection.beginTransaction();
    const [{ affectedRows }] = await connection.execute<ResultSetHeader>(this.#rehash.text, this.#rehash.bind(values));
    // A connection on which this throws is closed, which undoes what was done.
    assertOneRow(affectedRows);
    await connection.commit();
  }
}

/** What the server prepares: a value is never a part of the text. */
interface Statement {
  readonly text: string;
  /** The values of `$1`, `$2` and so on, in the order in which `?` stands for them. */
  bind(values: readonly string[]): string[];
}

function prepare(statement: string): Statement {
  const numbers = parametersOf(statement).map(Number);
  return {
    text: replaceParameters(statement, () => '?'),
    bind: (values) => numbers.map((number) => values[number - 1] ?? ''),
  };
}

function poolOptions(config: SqlUsersConfig, address: Address, ca: string | undefined): PoolOptions {
  return {
    ...address,
    port: address.port ?? 3306,
    ...(config.tls && { ssl: { ...(ca !== undefined && { ca }), verifyIdentity: true } }),
    connectionLimit: config.concurrency,
    connectTimeout: config.timeout,
    charset: 'utf8mb4',
    // As the database writes them: a JavaScript date would move a day to another time zone.
    dateStrings: true,
    // Numbers that JavaScript would round become text.
    supportBigNumbers: true,
  };
}

/**
 * The server ends what this gateway has given up, or such queries would pile up there. MariaDB (seconds) runs the first
 * comment only, MySQL (milliseconds) the second only.
 */
function limitStatements(ms: number): string {
  return `SET @postern = 1 /*M!100101 , max_statement_time = ${ms / 1000} */ /*!50708 , max_execution_time = ${ms} */`;
}
