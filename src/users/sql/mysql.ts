import { createPool, type Pool, type PoolOptions } from 'mysql2/promise';
import type { SqlUsersConfig } from '../../config/schema.ts';
import { parametersOf, replaceParameters } from '../../config/sql-parameters.ts';
import { type Address, addressOf } from './address.ts';
import type { Row } from './row.ts';
import type { Connection, Database } from './sql.ts';

/** MySQL and MariaDB. */
export class MysqlDatabase implements Database {
  readonly #pool: Pool;
  readonly #query: string;
  /** How often the query uses the username: `?` stands for one use each. */
  readonly #uses: number;

  constructor(config: SqlUsersConfig, ca: string | undefined) {
    this.#pool = createPool(poolOptions(config, addressOf(config.url), ca));
    this.#query = replaceParameters(config.query, () => '?');
    this.#uses = parametersOf(config.query).length;
    const limit = limitStatements(config.timeout);
    this.#pool.pool.on('connection', (connection) => {
      connection.query(limit, (error) => error && connection.destroy());
    });
  }

  async connect(): Promise<Connection> {
    const connection = await this.#pool.getConnection();
    return {
      select: async (username) => {
        // A statement that the server prepares: the username is never a part of its text.
        const [rows] = await connection.execute(this.#query, Array(this.#uses).fill(username));
        return rows as Row[];
      },
      release: () => connection.release(),
      destroy: () => connection.destroy(),
    };
  }

  async close(): Promise<void> {
    // It fails with a connection that was still being made, which is closed by that.
    await this.#pool.end().catch(() => {});
  }
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
