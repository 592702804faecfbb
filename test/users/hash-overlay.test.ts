import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { passwords } from '../../src/config/passwords.ts';
import { GatewayError, unavailable } from '../../src/errors.ts';
import { SharedParts } from '../../src/lease.ts';
import type { HashUpgrade } from '../../src/observe/user-store-events.ts';
import type { Store } from '../../src/store/store.ts';
import { type HashMaker, HashPool } from '../../src/users/password-hash/hash-pool.ts';
import { openUserStores, type UserStores } from '../../src/users/user-stores.ts';
import { stores } from '../support/stores.ts';

/** Longer than bcrypt reads, and in two Unicode forms. */
const PASSWORD = `pässwörd ${'x'.repeat(80)}`.normalize('NFC');
const DECOMPOSED = PASSWORD.normalize('NFD');

const pool = new HashPool({ concurrent_checks: 1, queue: 64 });
after(() => pool.close());
let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postern-overlay-'));
});
after(() => rm(directory, { recursive: true }));

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

/** Hashes that were checked, but for those that say what an overlay was made for. */
const checked: string[] = [];
const hashes: HashMaker = {
  hash: (password) => pool.hash(password),
  verify: (password, hash) => {
    if (password.startsWith('p')) checked.push(hash);
    return pool.verify(password, hash);
  },
};

interface Opened {
  readonly users: UserStores;
  readonly upgrades: HashUpgrade[];
  close(): Promise<void>;
}

async function open(path: string, store: Store): Promise<Opened> {
  const upgrades: HashUpgrade[] = [];
  const section = {
    ...{ type: 'file' as const, path, rehash: 'overlay' as const, optional: false, continue_on_reject: false },
    ...{ hash: passwords.hash.parse('md5("{salt}{password}")'), unicode: 'nfc' as const },
  };
  const events = {
    warn: () => assert.fail(),
    shadowed: () => assert.fail(),
    upgraded: (upgrade: HashUpgrade) => upgrades.push(upgrade),
  };
  const lease = new SharedParts().lease();
  const users = await openUserStores({ staff: section }, directory, { hashes, store, events, lease });
  return { users, upgrades, close: () => lease.end() };
}

async function upgraded({ upgrades }: Pick<Opened, 'upgrades'>): Promise<void> {
  while (upgrades.length === 0) await sleep(5);
}

async function outcome({ users }: Opened, password: string, username = 'johndoe'): Promise<string> {
  checked.length = 0;
  return (await users.verify(username, password)).outcome;
}

for (const { name, open: openStore } of stores) {
  describe(`new hashes of a file, kept in ${name}`, () => {
    test('are checked from the next login on, on every gateway', async () => {
      await writeFile(join(directory, 'kept'), usersYaml({ johndoe: PASSWORD }));
      const opened = await open('kept', openStore('kept'));
      assert.equal(await outcome(opened, 'p wrong'), 'rejected');
      assert.equal(await outcome(opened, PASSWORD, 'nobody'), 'unknown');
      assert.deepEqual(opened.upgrades, []);
      assert.equal(await outcome(opened, DECOMPOSED), 'accepted');
      await upgraded(opened);
      const event = { store: 'staff', username: 'johndoe', from: 'md5', to: 'argon2id', outcome: 'upgraded' };
      assert.deepEqual(opened.upgrades, [event]);

      for (const gateway of [opened, await open('kept', openStore('kept'))]) {
        assert.equal(await outcome(gateway, PASSWORD), 'accepted');
        assert.match(checked.join(), /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[^,]+$/);
        assert.equal(await outcome(gateway, DECOMPOSED), 'accepted');
        assert.equal(await outcome(gateway, PASSWORD.slice(0, -1)), 'rejected');
        assert.match(checked.join(), /^\$argon2id/);
        await gateway.close();
        assert.equal(gateway.upgrades.length, gateway === opened ? 1 : 0);
      }
    });

    const CHANGES: readonly [sentence: string, salt: string][] = [
      ['the hash', 'salt'],
      ['the hash and its salt', 'another salt'],
    ];
    for (const [sentence, salt] of CHANGES) {
      test(`do not outlive a change of ${sentence} in the file`, async () => {
        const part = `changed ${salt}`;
        await writeFile(join(directory, part), usersYaml({ johndoe: PASSWORD }));
        const store = openStore(part);
        const before = await open(part, store);
        assert.equal(await outcome(before, PASSWORD), 'accepted');
        await upgraded(before);
        await before.close();
        await writeFile(join(directory, part), usersYaml({ johndoe: 'p new' }, salt));
        const opened = await open(part, store);
        assert.equal(await outcome(opened, PASSWORD), 'rejected');
        assert.equal(await outcome(opened, 'p new'), 'accepted');
        await upgraded(opened);
        assert.equal(await outcome(opened, 'p new'), 'accepted');
        assert.match(checked.join(), /^\$argon2id/);
        await opened.close();
      });
    }
  });
}

test('a store that is out is no verdict', async () => {
  await writeFile(join(directory, 'out'), usersYaml({ johndoe: PASSWORD }));
  const out: Store = {
    run: async () => {
      throw unavailable(new Error('out'));
    },
    ping: async () => {},
    close: async () => {},
  };
  const opened = await open('out', out);
  await assert.rejects(outcome(opened, PASSWORD), (error) => error instanceof GatewayError && error.status === 503);
  await opened.close();
});

/** JSON is YAML. */
function usersYaml(people: Readonly<Record<string, string>>, salt = 'salt'): string {
  const entries = Object.entries(people).map(([username, password]) => [
    username,
    { password_hash: md5(salt + password), password_salt: salt },
  ]);
  return JSON.stringify(Object.fromEntries(entries));
}
