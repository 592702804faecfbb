import pg from 'pg';
import type { SqlUsersConfig } from '../../config/schema.ts';
import { parametersOf } from '../../config/sql-parameters.ts';
import { type Address, addressOf } from './address.ts';
import { assertOneRow, type Connection, type Database, type Statement } from './bounded-database.ts';
import type { Row } from './row.ts';

const { DATE, TIMESTAMP, TIMESTAMPTZ } = pg.types.builtins;
/** Kept as the database writes them: a JavaScript date would move a day to another time zone. */
const KEPT_AS_TEXT: ReadonlySet<number> = new Set([DATE, TIMESTAMP, TIMESTAMPTZ]);

export class PostgresDatabase implements Database {
  readonly #pool: pg.Pool;
  readonly #query: string;
  readonly #rehash: string;

  constructor(config: SqlUsersConfig, ca: string | undefined) {
    this.#pool = new pg.Pool(poolOptions(config, addressOf(config.url), ca));
    this.#query = config.query;
    this.#rehash = config.rehash ?? '';
    // Connections may break while nobody uses them, or after they were given up. Who needs one gets an error of its own.
    this.#pool.on('error', () => {});
    this.#pool.on('connect', (client) => client.on('error', () => {}));
  }

  async connect(): Promise<Connection> {
    const client = await this.#pool.connect();
    return {
      select: async (username) => (await client.query<Row>(this.#query, [username])).rows,
      rehash: (values) => this.#replace(client, values),
      prepare: (which) => prepare(client, which, which === 'query' ? this.#query : this.#rehash),
      release: () => client.release(),
      destroy: () => client.release(true),
    };
  }

  close(): Promise<void> {
    return this.#pool.end();
  }

  async #replace(client: pg.PoolClient, values: readonly string[]): Promise<void> {
    await client.query('begin');
    // PostgreSQL refuses values that the statement does not use.
    const used = values.slice(0, Math.max(...parametersOf(this.#rehash).map(Number)));
    const { rowCount } = await client.query(this.#rehash, used);
    // A connection on which this throws is closed, which undoes what was done.
    assertOneRow(rowCount);
    await client.query('commit');
  }
}

/** Named, so that it is one statement to the server, as it is when it runs: what follows a semicolon is refused. */
async function prepare(client: pg.PoolClient, which: Statement, statement: string): Promise<void> {
  await client.query({ name: `postern-prepares-${which}`, text: `prepare "postern ${which}" as ${statement}` });
}

function poolOptions(config: SqlUsersConfig, address: Address, ca: string | undefined): pg.PoolConfig {
  return {
    ...address,
    port: address.port ?? 5432,
    // The name that the certificate must be for; pg itself tells it of host names only, not of addresses.
    ssl: config.tls ? { ...(ca !== undefined && { ca }), host: address.host } : false,
    max: config.concurrency,
    connectionTimeoutMillis: config.timeout,
    // The server ends what this gateway has given up, or such queries would pile up there.
    statement_timeout: config.timeout,
    application_name: 'postern',
    keepAlive: true,
    types: {
      getTypeParser: (type, format) =>
        KEPT_AS_TEXT.has(type) ? (value: string) => value : pg.types.getTypeParser(type, format as 'text'),
    },
  };
}
