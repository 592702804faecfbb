import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { hashSync } from 'bcryptjs';
import type { SqlUsersConfig } from '../../src/config/schema.ts';
import { GatewayError } from '../../src/errors.ts';
import { HashedPasswords } from '../../src/users/hashed-passwords.ts';
import { HashPool } from '../../src/users/password-hash/hash-pool.ts';
import { PasswordChecker } from '../../src/users/password-hash/password-checker.ts';
import { BoundedDatabase, type Database } from '../../src/users/sql/bounded-database.ts';
import { SqlUserStore } from '../../src/users/sql/sql.ts';
import { login, type RunningGateway, requestToken, startGateway } from '../support/gateway.ts';
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
    if (skip) return;
    await fill(database(), kind);
    await fillLegacy(database(), kind);
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
    const passwords = new HashedPasswords(new PasswordChecker(hashes, config));
    return new SqlUserStore(new BoundedDatabase(kind.open(config), config), passwords);
  };

  userStoreContract(kind.name, async () => open(), { skip: provided.skip });

  userStoreOutages(
    kind.name,
    () => database().port,
    async (port) => open({ url: withPort(database().url, port), timeout: TIMEOUT_MS }),
    skip,
  );

  const read = async (username: string) => {
    const store = open({ query: 'select password_hash, password_hash as kept from legacy where login = $1' });
    const kept = (await store.lookup(username))?.attributes.kept;
    await store.close();
    return kept;
  };
  describe(`legacy hashes of ${kind.name}`, () => legacyHashes({ skip, url: () => database().url, read }));

  describe(`what ${kind.name} can be asked is tried without a login`, { skip }, () => {
    const UPDATE = 'update people set password_hash = $2 where login = $1';
    const PROBES: readonly [sentence: string, changes: () => Partial<SqlUsersConfig>, found: readonly string[]][] = [
      ['statements that can be run', () => ({ rehash: UPDATE }), []],
      ['an overlay', () => ({ rehash: 'overlay' }), []],
      ['a misspelt table', () => ({ query: 'select 1 from poeple where login = $1' }), ['query users-statement']],
      ['a misspelt column', () => ({ query: 'select 1 from people where lgoin = $1' }), ['query users-statement']],
      ['a misspelt update', () => ({ rehash: UPDATE.replace('set', 'sets') }), ['rehash users-statement']],
      [
        'a second statement, which is not run',
        () => ({ query: `${QUERY}; delete from people`, rehash: UPDATE }),
        ['query users-statement'],
      ],
      ['nobody at the address', () => ({ url: withPort(database().url, 1) }), ['url users-unreachable']],
    ];
    for (const [sentence, changes, expected] of PROBES) {
      test(sentence, async () => {
        const store = open({ timeout: 2000, ...changes() });
        const found = await store.probe();
        await store.close();
        assert.deepEqual(
          found.map(({ at, code }) => `${at.join('.')} ${code}`),
          expected,
        );
      });
    }

    test('nothing is changed', async () => {
      const store = open({ query: 'select password_hash from people where login = $1' });
      assert.ok(await store.lookup('dora'), 'people are still there');
      await store.close();
    });
  });

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

const LEGACY = 'select login as username, password_hash, password_salt from legacy where login = $1';
const REHASH = 'update legacy set password_hash = $2 where login = $1';
/** More than bcrypt reads. */
const LONG = 'correct horse '.repeat(8);

/** Logins to one table that has hashes of many kinds, and new ones in their place. */
function legacyHashes({
  skip,
  url,
  read,
}: {
  skip: string | false;
  url: () => string;
  read: (login: string) => Promise<unknown>;
}): void {
  const users = (rehash: string, hash = 'md5("{salt}{password}")') => ({
    people: { type: 'sql', url: url(), query: LEGACY, hash, rehash },
  });

  const LOGINS: readonly [sentence: string, username: string, password: string, status: number][] = [
    ['a digest with its salt', 'salted', 'correct horse', 200],
    ['a digest with its salt, and a wrong password', 'salted', 'NaClcorrect horse', 400],
    ['a digest with another salt', 'salted2', 'correct horse', 200],
    ['bcrypt in the same table', 'bcrypt', 'correct horse', 200],
    ['bcrypt in the same table, and a wrong password', 'bcrypt', 'NaClcorrect horse', 400],
    ['crypt(3) in the same table', 'crypt', 'correct horse', 200],
    ['a locked password, as passwd(5) has it', 'locked', 'correct horse', 400],
    ['a locked password, as Solaris and directories have it', 'locked2', 'correct horse', 400],
    ['a password that was never set', 'unset', '*', 400],
    ['a digest without its salt is an outage', 'saltless', 'correct horse', 503],
  ];
  test('hashes of many kinds in one table', { skip }, async (context) => {
    const gateway = await startGateway(context, { users: users('') });
    for (const [sentence, username, password, status] of LOGINS) {
      assert.equal((await login(gateway, { username, password })).status, status, sentence);
    }
  });

  const UPGRADES: readonly [
    sentence: string,
    username: string,
    password: string,
    from: string,
    rehash: string,
    hash?: string,
  ][] = [
    ['a digest', 'salted', 'correct horse', 'md5', REHASH],
    ['bcrypt', 'bcrypt', 'correct horse', 'bcrypt', `${REHASH} and password_hash = $3`],
    ['a digest of a long password', 'long', LONG, 'md5', `${REHASH} and password_hash <> $2 and login = $1 -- $4`],
    ['DES', 'des', 'correct horse', 'des-crypt', REHASH, 'des-crypt'],
  ];
  for (const [sentence, username, password, from, rehash, hash] of UPGRADES) {
    test(`a login replaces ${sentence} by argon2id, and the next is checked against that`, {
      skip,
    }, async (context) => {
      const gateway = await startGateway(context, { users: users(rehash, hash) });
      assert.equal((await login(gateway, { username, password })).status, 200);
      const record = await logged(gateway, 'password hash upgraded');
      assert.deepEqual([record.store, record.username, record.from], ['people', username, from]);
      const made = String(await read(username));
      assert.match(made, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
      assert.equal((await login(gateway, { username, password })).status, 200);
      assert.equal((await login(gateway, { username, password: password.slice(0, -1) })).status, 400);
      assert.equal(await read(username), made);
      const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
      assert.ok(metrics.includes(`\npostern_password_hash_upgrades_total{from="${from}",to="argon2id"} 1\n`));
      assert.doesNotMatch(JSON.stringify(gateway.records), /correct horse|argon2id\$/);
    });
  }

  const FAILURES: readonly [sentence: string, rehash: string][] = [
    ['another hash by now', `${REHASH} and password_hash <> $3`],
    ['more than one row', 'update legacy set password_hash = $2 where login <> $1'],
    ['no SQL', 'updte $1, $2'],
  ];
  for (const [sentence, rehash] of FAILURES) {
    test(`a rehash that fails (${sentence}) changes nothing, and the login holds`, { skip }, async (context) => {
      const gateway = await startGateway(context, { users: users(rehash) });
      const logins = ['salted2', 'unset', 'saltless'];
      const before = await Promise.all(logins.map(read));
      for (const count of [1, 2]) {
        assert.equal((await login(gateway, { username: 'salted2', password: 'correct horse' })).status, 200);
        await logged(gateway, 'password hash not upgraded', count);
      }
      assert.deepEqual(await Promise.all(logins.map(read)), before);
      const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
      assert.match(metrics, /^postern_password_hash_upgrades_failed_total\{store="people",outcome="failed"\} 2$/m);
      assert.doesNotMatch(metrics, /^postern_password_hash_upgrades_total\{/m);
    });
  }

  test('an overlay leaves the table as it is', { skip }, async (context) => {
    const gateway = await startGateway(context, { users: users('overlay') });
    const before = await read('salted2');
    for (const password of ['correct horse', 'correct horse', 'wrong']) {
      const { status } = await login(gateway, { username: 'salted2', password });
      assert.equal(status, password === 'wrong' ? 400 : 200);
      await logged(gateway, 'password hash upgraded');
    }
    assert.equal(await read('salted2'), before);
    assert.equal(gateway.records.filter(({ msg }) => msg === 'password hash upgraded').length, 1);
  });
}

/** The last of `count` records with this message, when they are there. */
async function logged({ records }: RunningGateway, message: string, count = 1): Promise<Record<string, unknown>> {
  for (;;) {
    const record = records.filter(({ msg }) => msg === message)[count - 1];
    if (record) return record;
    await delay(5);
  }
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
    const values = [username, hashSync(password, 4), `${username}@example.com`];
    await database.run(`insert into customers values (${[1, 2, 3].map(parameter).join()}, false)`, values);
  }
  await database.run(
    'create table people (id bigint, login varchar(50), password_hash varchar(255), level integer, birthday date, nothing varchar(9), email varchar(99), disabled boolean)',
  );
  const hash = hashSync('correct horse', 4);
  for (const [id, login, passwordHash, disabled] of [
    [1001, 'dora', `'${hash}'`, 'false'],
    [1002, 'bob', `'${hash}'`, 'true'],
    [1003, 'cid', 'null', 'false'],
  ]) {
    const row = `${id}, '${login}', ${passwordHash}, 7, '1970-01-01', null, null, ${disabled}`;
    await database.run(`insert into people values (${row})`);
  }
}

async function fillLegacy(database: RunningDatabase, { exactText, parameter }: DatabaseKind): Promise<void> {
  await database.run(
    `create table legacy (login ${exactText}, password_hash varchar(255), password_salt varchar(255))`,
  );
  const md5 = (text: string) => createHash('md5').update(text).digest('hex');
  const salted = md5('NaClcorrect horse');
  const ROWS: readonly (readonly [login: string, hash: string, salt?: string])[] = [
    ['salted', salted, 'NaCl'],
    ['salted2', md5('KClcorrect horse'), 'KCl'],
    ['long', md5(`NaCl${LONG}`), 'NaCl'],
    ['bcrypt', hashSync('correct horse', 4)],
    // openssl passwd -5 -salt saltstring
    ['crypt', '$5$saltstring$vc6YOOogU4kWVvwga8e9zTFgKcy4tb5LaPxIiPJzqEC'],
    // perl -e 'print crypt("correct horse", "Kj")'
    ['des', 'KjkeQJwHRAdEI'],
    ['locked', `!${salted}`, 'NaCl'],
    ['locked2', '{CRYPT}*LK*'],
    ['unset', '*'],
    ['saltless', salted],
  ];
  for (const [login, hash, salt] of ROWS) {
    const last = salt === undefined ? 'null' : parameter(3);
    const row = `${parameter(1)}, ${parameter(2)}, ${last}`;
    await database.run(`insert into legacy values (${row})`, [login, hash, ...(salt === undefined ? [] : [salt])]);
  }
}

function withPort(url: string, port: number): string {
  return url.replace(/:\d+\//, `:${port}/`);
}

function claimsOf(token = ''): { customData?: { cn?: string } } {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
}
