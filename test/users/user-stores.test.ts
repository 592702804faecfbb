import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { hashSync } from '@node-rs/bcrypt';
import { ConfigError } from '../../src/config/problem.ts';
import { GatewayError, unavailable } from '../../src/errors.ts';
import { HashPool, type HashVerifier } from '../../src/users/password-hash/hash-pool.ts';
import type { UserStore } from '../../src/users/user-store.ts';
import { openUserStores, UserStores } from '../../src/users/user-stores.ts';

const pool = new HashPool({ concurrent_checks: 1, queue: 16 });
after(() => pool.close());

/** The hashes that were checked, in order. */
const checked: string[] = [];
const hashes: HashVerifier = {
  verify: (password, hash) => {
    checked.push(hash);
    return pool.verify(password, hash);
  },
};

const STAFF = hashSync('staff password', { cost: 4 });
const CUSTOMER = hashSync('customer password', { cost: 4 });
let directory: string;
let stores: UserStores;

function open(config: Record<string, string>): Promise<UserStores> {
  const sections = Object.entries(config).map(([name, path]) => [
    name,
    { type: 'file' as const, path, unicode: 'raw' as const },
  ]);
  return openUserStores(Object.fromEntries(sections), directory, hashes, assert.fail);
}

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postern-user-stores-'));
  await writeFile(join(directory, 'staff'), `john:${STAFF}\nboth:${STAFF}\n`);
  await writeFile(
    join(directory, 'customers.yaml'),
    `jane: { password_hash: ${CUSTOMER} }\nboth: { password_hash: ${CUSTOMER} }\n`,
  );
  stores = await open({ staff: 'staff', customers: join(directory, 'customers.yaml') });
});
after(() => rm(directory, { recursive: true }));

describe('several user stores', () => {
  const LOGINS: readonly [
    sentence: string,
    login: [username: string, password: string, names?: string[]],
    verdict: string,
    checks: string[],
  ][] = [
    ['the first store accepts', ['john', 'staff password'], 'accepted by staff', [STAFF]],
    ['the first does not know, the second accepts', ['jane', 'customer password'], 'accepted by customers', [CUSTOMER]],
    ['the first rejects, the second is not asked', ['both', 'customer password'], 'rejected by staff', [STAFF]],
    [
      'the order is the caller’s',
      ['both', 'customer password', ['customers', 'staff']],
      'accepted by customers',
      [CUSTOMER],
    ],
    ['only the named stores are asked', ['john', 'staff password', ['customers']], 'unknown', [CUSTOMER]],
    ['nobody knows: the last store’s decoy', ['nobody', 'staff password'], 'unknown', [CUSTOMER]],
    ['nobody knows: the last named store’s decoy', ['nobody', 'x', ['customers', 'staff']], 'unknown', [STAFF]],
    ['an empty password', ['john', ''], 'unknown', [CUSTOMER]],
    ['a password with a NUL', ['john', 'staff password\0'], 'unknown', [CUSTOMER]],
    ['a password of 4097 bytes', ['john', 'x'.repeat(4097)], 'unknown', [CUSTOMER]],
    ['an empty username', ['', 'staff password'], 'unknown', [CUSTOMER]],
    ['a username of 257 characters', ['x'.repeat(257), 'staff password'], 'unknown', [CUSTOMER]],
    ['a username with a line end', ['john\n', 'staff password'], 'unknown', [CUSTOMER]],
    ['half of a surrogate pair', ['john\ud800', 'staff password'], 'unknown', [CUSTOMER]],
  ];
  for (const [sentence, [username, password, names], expected, checks] of LOGINS) {
    test(`${sentence}: ${expected}, at the price of one check`, async () => {
      checked.length = 0;
      const verdict = await stores.verify(username, password, names);
      assert.equal(verdict.store ? `${verdict.outcome} by ${verdict.store}` : verdict.outcome, expected);
      assert.deepEqual(checked, checks);
    });
  }

  test('implausible usernames and passwords reach no store', async () => {
    const asked: string[] = [];
    const store: UserStore = {
      verify: async (username) => {
        asked.push(username);
        return { outcome: 'unknown' };
      },
      lookup: async () => undefined,
      decoy: async () => {},
      close: async () => {},
    };
    const guarded = new UserStores(new Map([['only', store]]));
    for (const [username, password] of [
      ['john', ''],
      ['', 'x'],
      ['a\0', 'x'],
      ['john', '\0'],
      ['john', 'é'.repeat(2049)],
    ] as const) {
      await guarded.verify(username, password);
    }
    assert.deepEqual(asked, []);
    await guarded.verify('x'.repeat(256), 'é'.repeat(2048));
    assert.equal(asked.length, 1);
  });

  test('a store that is out is an outage, and no other is asked', async () => {
    const out: UserStore = {
      verify: async () => {
        throw unavailable(new Error('out'));
      },
      lookup: async () => undefined,
      decoy: assert.fail,
      close: async () => {},
    };
    const both = new UserStores(
      new Map([
        ['out', out],
        ['next', { ...out, verify: assert.fail }],
      ]),
    );
    await assert.rejects(both.verify('john', 'x'), (error) => error instanceof GatewayError && error.status === 503);
  });

  test('lookup asks the named store only, and a store that is gone has no users', async () => {
    assert.equal((await stores.lookup('staff', 'john'))?.sub, 'john');
    assert.equal(await stores.lookup('customers', 'john'), undefined);
    assert.equal(await stores.lookup('gone', 'john'), undefined);
  });

  test('all problems of all files are told at once', async () => {
    await writeFile(join(directory, 'broken'), 'a:hunter2\nb:hunter2\n');
    await assert.rejects(open({ staff: 'staff', first: 'broken', second: 'nowhere' }), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.equal(error.problems.length, 3);
      return true;
    });
  });
});
