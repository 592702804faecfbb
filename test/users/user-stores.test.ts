import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { hashSync } from 'bcryptjs';
import { ConfigError } from '../../src/config/problem.ts';
import { GatewayError, unavailable } from '../../src/errors.ts';
import { SharedParts } from '../../src/lease.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { type HashMaker, HashPool } from '../../src/users/password-hash/hash-pool.ts';
import type { UserStore, Verdict } from '../../src/users/user-store.ts';
import { openUserStores, UserStores } from '../../src/users/user-stores.ts';

const pool = new HashPool({ concurrent_checks: 1, queue: 16 });
after(() => pool.close());

/** The hashes that were checked, in order. */
const checked: string[] = [];
const hashes: HashMaker = {
  hash: (password) => pool.hash(password),
  verify: (password, hash) => {
    checked.push(hash);
    return pool.verify(password, hash);
  },
};

const unexpected = () => assert.fail();

const STAFF = hashSync('staff password', 4);
const CUSTOMER = hashSync('customer password', 4);
const john = { sub: 'john', username: 'john', attributes: { sub: 'john', username: 'john' } };
let directory: string;
let stores: UserStores;

function open(config: Record<string, string>): Promise<UserStores> {
  const rest = { unicode: 'raw' as const, optional: false, continue_on_reject: false };
  const sections = Object.entries(config).map(([name, path]) => [name, { type: 'file' as const, path, ...rest }]);
  return openUserStores(Object.fromEntries(sections), directory, {
    hashes,
    store: new MemoryStore(),
    lease: new SharedParts().lease(),
    events: { warn: unexpected, upgraded: unexpected, shadowed: unexpected },
  });
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

  /** A store that says the same to everyone; `unavailable` is one that is out. */
  function always(outcome: Verdict['outcome'] | 'unavailable'): UserStore {
    return {
      verify: async (username) => {
        if (outcome === 'unavailable') throw unavailable(new Error('out'));
        return outcome === 'accepted' ? { outcome, user: { ...john, username } } : { outcome };
      },
      decoy: async () => {},
      close: async () => {},
    };
  }

  const POLICIES = {
    normal: { optional: false, continue_on_reject: false },
    optional: { optional: true, continue_on_reject: false },
    continuing: { optional: false, continue_on_reject: true },
  };
  const SEARCHES: readonly [
    sentence: string,
    stores: [Verdict['outcome'] | 'unavailable', keyof typeof POLICIES][],
    expected: string,
  ][] = [
    [
      'one that is out stops the search',
      [
        ['unavailable', 'normal'],
        ['accepted', 'normal'],
      ],
      'out',
    ],
    [
      'one that is out and optional does not',
      [
        ['unavailable', 'optional'],
        ['accepted', 'normal'],
      ],
      'accepted by 1',
    ],
    [
      'nor if the next refuses',
      [
        ['unavailable', 'optional'],
        ['rejected', 'normal'],
      ],
      'rejected by 1',
    ],
    [
      'but where nobody knows the user, it might have',
      [
        ['unavailable', 'optional'],
        ['unknown', 'normal'],
      ],
      'out',
    ],
    [
      'also behind others',
      [
        ['unknown', 'normal'],
        ['unavailable', 'optional'],
      ],
      'out',
    ],
    [
      'one that has decided is not undone by a later one',
      [
        ['rejected', 'normal'],
        ['unavailable', 'normal'],
      ],
      'rejected by 0',
    ],
    [
      'a refusal goes on to the next',
      [
        ['rejected', 'continuing'],
        ['accepted', 'normal'],
      ],
      'accepted by 1',
    ],
    [
      'and stays one if the next does not know',
      [
        ['rejected', 'continuing'],
        ['unknown', 'normal'],
      ],
      'rejected by 0',
    ],
    [
      'or refuses too',
      [
        ['rejected', 'continuing'],
        ['rejected', 'continuing'],
      ],
      'rejected by 0',
    ],
    ['or is the last', [['rejected', 'continuing']], 'rejected by 0'],
    [
      'but not if the next is out',
      [
        ['rejected', 'continuing'],
        ['unavailable', 'optional'],
      ],
      'out',
    ],
    [
      'what is accepted goes no further',
      [
        ['accepted', 'continuing'],
        ['unavailable', 'normal'],
      ],
      'accepted by 0',
    ],
  ];
  for (const [sentence, search, expected] of SEARCHES) {
    test(`${sentence}: ${expected}`, async () => {
      const warned: string[] = [];
      const several = new UserStores(
        new Map(search.map(([outcome], index) => [String(index), always(outcome)])),
        Object.fromEntries(search.map(([, policy], index) => [String(index), POLICIES[policy]])),
        { warn: (_, { store }) => warned.push(store), shadowed: unexpected },
      );
      const verdict = several.verify('john', 'x');
      if (expected === 'out') {
        await assert.rejects(verdict, (error) => error instanceof GatewayError && error.status === 503);
      } else {
        const { outcome, store } = await verdict;
        assert.equal(`${outcome} by ${store}`, expected);
      }
      const passedOver = search.flatMap(([outcome, policy], index) =>
        outcome === 'unavailable' && policy === 'optional' ? [String(index)] : [],
      );
      assert.deepEqual(warned, passedOver);
    });
  }

  test('a user of a store that cannot look up stays as it was', async () => {
    const only = new UserStores(new Map([['only', always('unknown')]]));
    assert.equal(await only.lookup('only', 'john'), 'as at the login');
    assert.equal(await only.resume('only', john, {}), 'as at the login');
    assert.equal(await only.lookup('gone', 'john'), undefined);
    assert.equal(await only.resume('gone', john, {}), undefined);
  });

  test('lookup asks the named store only, and a store that is gone has no users', async () => {
    assert.deepEqual(await stores.lookup('staff', 'john'), john);
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
