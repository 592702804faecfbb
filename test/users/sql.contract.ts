import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { hashSync } from '@node-rs/bcrypt';
import type { SqlUsersConfig } from '../../src/config/schema.ts';
import { GatewayError } from '../../src/errors.ts';
import { HashPool } from '../../src/users/password-hash/hash-pool.ts';
import { PasswordChecker } from '../../src/users/password-hash/password-checker.ts';
import { type Database, SqlUserStore } from '../../src/users/sql/sql.ts';
import { login, requestToken, startGateway } from '../support/gateway.ts';
import type { RunningDatabase } from '../support/postgres.ts';
import type { Provided } from '../support/server-process.ts';
import { PEOPLE, userStoreContract } from './user-store.contract.ts';
import { TIMEOUT_MS, userStoreOutages } from './user-store.outages.ts';

const QUERY = 'select login as sub, password_hash, email, disabled from customers where login = $1';

/** What a test needs to know of a kind of database. */
export interface DatabaseKind {
  readonly name: string;
  readonly provided: Provided<RunningDatabase>;
  readonly open: (config: SqlUsersConfig, ca?: string) => Database;
  /** A column of text that tells names apart as they are. */
  readonly exactText: string;
  /** $1, or what the driver has for it. */
  readonly parameter: (number: number) => string;
  /** A statement that takes longer than TIMEOUT_MS. */
  readonly slow: string;
  /** How many statements run on the server. */
  readonly running: string;
}

/** What every kind of SQL database has to do, against the real server. */
export function sqlContract(kind: DatabaseKind): void {
  const { provided } = kind;
  const skip = provided.skip ?? false;
  const hashes = new HashPool({ concurrent_checks: 1, queue: 64 });
  const database = () => {
    if (provided.skip !== undefined) throw new Error(provided.skip);
    return provided.server;
  };
  before(async () => {
    if (!skip) await fill(database(), kind);
  });
  after(async () => {
    await hashes.close();
    if (!skip) await database().stop();
  });

  const open = (changes: Partial<SqlUsersConfig> = {}) => {
    const bounds = {
      timeout: 5000,
      concurrency: 4,
      unicode: 'raw' as const,
      optional: false,
      continue_on_reject: false,
    };
    const config = { type: 'sql' as const, url: database().url, query: QUERY, ...bounds, ...changes };
    return new SqlUserStore(kind.open(config), new PasswordChecker(hashes, config), config);
  };

  userStoreContract(kind.name, async () => open(), { skip: provided.skip });

  userStoreOutages(
    kind.name,
    () => database().port,
    async (port) => open({ url: withPort(database().url, port), timeout: TIMEOUT_MS }),
    skip,
  );

  describe(`users of ${kind.name}`, { skip }, () => {
    const USERS: readonly [sentence: string, query: string, username: string, attributes: object | string][] = [
      [
        'columns become attributes, with their types',
        'select id as sub, password_hash, level, birthday, nothing from people where login = $1',
        'dora',
        { sub: '1001', username: 'dora', level: 7, birthday: '1970-01-01', nothing: null },
      ],
      [
        'the sub is the username unless the query has one',
        'select password_hash from people where login = $1',
        'dora',
        { sub: 'dora', username: 'dora' },
      ],
      [
        'the database may tell the username in its own spelling',
        'select login as username, password_hash from people where lower(login) = lower($1)',
        'DORA',
        { sub: 'dora', username: 'dora' },
      ],
      [
        'the parameter may be used twice, and text that looks like one is text',
        "select password_hash, '$2?' as note from people where login = $1 or id = -1 and login = $1 -- $3",
        'dora',
        { sub: 'dora', username: 'dora', note: '$2?' },
      ],
      ['a disabled user is rejected', 'select * from people where login = $1', 'bob', 'rejected: disabled'],
      ['a user without a hash is rejected', 'select password_hash from people where login = $1', 'cid', 'rejected'],
      ['two users of one name are an outage', 'select * from people where login <> $1 and id < 1003', 'x', 'outage'],
      ['a query without password_hash is an outage', 'select login from people where login = $1', 'dora', 'outage'],
      [
        'a sub of null is an outage',
        'select nothing as sub, password_hash from people where login = $1',
        'dora',
        'outage',
      ],
      ['a query that is no SQL is an outage', 'selct $1', 'dora', 'outage'],
      [
        'a hash that cannot be read is an outage',
        'select login as password_hash from people where login = $1',
        'dora',
        'outage',
      ],
    ];
    for (const [sentence, query, username, expected] of USERS) {
      test(sentence, async () => {
        const store = open({ query });
        assert.deepEqual(await outcome(store, username), expected);
        if (expected === 'rejected: disabled') assert.equal(await store.lookup(username), undefined);
        await store.close();
      });
    }

    test('the server ends a statement that the gateway has given up', async () => {
      const store = open({ query: kind.slow, timeout: TIMEOUT_MS });
      await assert.rejects(store.verify('dora', 'x'), GatewayError);
      await store.close();
      const started = performance.now();
      const count = open({ query: kind.running });
      while ((await count.lookup('x'))?.sub !== '0') assert.ok(performance.now() - started < 2000);
      await count.close();
    });

    test('TLS verifies the certificate of the server', async () => {
      const url = database().url;
      const trusting = open({ url, tls: {} });
      assert.equal(await outcome(trusting, 'dora'), 'outage');
      await trusting.close();
    });

    test('logs in, refreshes with what the database says now, and is 503 for a database that is gone', async (context) => {
      const { url, caFile } = database();
      const query = 'select id as sub, password_hash, email as cn, disabled from people where login = $1';
      const gateway = await startGateway(context, {
        users: {
          people: { type: 'sql', url, query, tls: { ca_file: caFile } },
          gone: { type: 'sql', url: withPort(url, 1), query },
        },
      });
      const granted = await login(gateway, { username: 'dora' });
      assert.equal(granted.status, 200);
      assert.equal((await login(gateway, { username: 'dora', password: 'wrong' })).body.error, 'invalid_grant');
      assert.equal((await login(gateway, { username: 'nobody' })).body.error, 'temporarily_unavailable');

      await database().run("update people set email = 'new@example.com' where login = 'dora'");
      const refresh = (token = '') => requestToken(gateway, { grant_type: 'refresh_token', refresh_token: token });
      const refreshed = await refresh(granted.body.refresh_token);
      assert.equal(claimsOf(refreshed.body.access_token).customData?.cn, 'new@example.com');
      await database().run("delete from people where login = 'dora'");
      assert.equal((await refresh(refreshed.body.refresh_token)).body.error, 'invalid_grant');
    });
  });
}

async function outcome(store: SqlUserStore, username: string): Promise<unknown> {
  try {
    const verdict = await store.verify(username, 'correct horse');
    if (verdict.outcome === 'accepted') return verdict.user.attributes;
    return verdict.outcome === 'rejected' && verdict.reason ? `rejected: ${verdict.reason}` : verdict.outcome;
  } catch (error) {
    assert.ok(error instanceof GatewayError);
    return 'outage';
  }
}

async function fill(database: RunningDatabase, { exactText, parameter }: DatabaseKind): Promise<void> {
  await database.run(
    `create table customers (login ${exactText}, password_hash varchar(255), email varchar(255), disabled boolean)`,
  );
  for (const [username, password] of PEOPLE) {
    const values = [username, hashSync(password, { cost: 4 }), `${username}@example.com`];
    await database.run(`insert into customers values (${[1, 2, 3].map(parameter).join()}, false)`, values);
  }
  await database.run(
    'create table people (id bigint, login varchar(50), password_hash varchar(255), level integer, birthday date, nothing varchar(9), email varchar(99), disabled boolean)',
  );
  const hash = hashSync('correct horse', { cost: 4 });
  for (const [id, login, passwordHash, disabled] of [
    [1001, 'dora', `'${hash}'`, 'false'],
    [1002, 'bob', `'${hash}'`, 'true'],
    [1003, 'cid', 'null', 'false'],
  ]) {
    const row = `${id}, '${login}', ${passwordHash}, 7, '1970-01-01', null, null, ${disabled}`;
    await database.run(`insert into people values (${row})`);
  }
}

function withPort(url: string, port: number): string {
  return url.replace(/:\d+\//, `:${port}/`);
}

function claimsOf(token = ''): { customData?: { cn?: string } } {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
}
