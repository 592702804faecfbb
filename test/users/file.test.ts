import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { hashSync as argon2Hash } from '@node-rs/argon2';
import { hashSync as bcryptHash } from 'bcryptjs';
import { passwords } from '../../src/config/passwords.ts';
import { ConfigError } from '../../src/config/problem.ts';
import { FileUserStore } from '../../src/users/file.ts';
import { HashedPasswords } from '../../src/users/hashed-passwords.ts';
import { HashPool } from '../../src/users/password-hash/hash-pool.ts';
import { PasswordChecker } from '../../src/users/password-hash/password-checker.ts';
import { PEOPLE, userStoreContract } from './user-store.contract.ts';

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postern-users-'));
});
after(() => rm(directory, { recursive: true }));

const pool = new HashPool({ concurrent_checks: 1, queue: 16 });
after(() => pool.close());

const hashed = new HashedPasswords(new PasswordChecker(pool, { unicode: 'raw' }));

/** Checks for real, and keeps which hashes were checked. */
function recorder(): { readonly passwords: HashedPasswords; readonly checked: string[] } {
  const checked: string[] = [];
  const verify = (password: string, hash: string) => {
    checked.push(hash);
    return pool.verify(password, hash);
  };
  return { checked, passwords: new HashedPasswords(new PasswordChecker({ verify }, { unicode: 'raw' })) };
}

function quickHash(password: string): string {
  return argon2Hash(password, { memoryCost: 64, timeCost: 1 });
}

/** JSON is YAML. */
function usersYaml(people: Iterable<readonly [username: string, password: string]>, more: object = {}): string {
  const entries = Array.from(people, ([username, password]) => [
    username,
    { password_hash: quickHash(password), ...more },
  ]);
  return JSON.stringify(Object.fromEntries(entries));
}

function htpasswd(people: Iterable<readonly [username: string, password: string]>): string {
  return Array.from(people, ([username, password]) => `${username}:${bcryptHash(password, 4)}\n`).join('');
}

async function write(name: string, text: string | Buffer): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, text);
  return path;
}

userStoreContract(
  'a users.yaml',
  async () => new FileUserStore(await write('contract.yaml', usersYaml(PEOPLE)), hashed),
);
userStoreContract(
  'an htpasswd file',
  async () => new FileUserStore(await write('contract.htpasswd', htpasswd(PEOPLE)), hashed),
);

describe('digests with a salt, as `hash` says', () => {
  const hash = passwords.hash.parse('md5("{salt}{password}")');
  const digests = new HashedPasswords(new PasswordChecker(pool, { hash, unicode: 'raw' }));

  test('are checked with the `password_salt` of the user', async () => {
    // PHP 8.2.36: md5('NaCl' . 'myComplexPsw!1')
    const john = { password_hash: '68e6dfdf98c6619c0b6c54c0612302b9', password_salt: 'NaCl' };
    const path = await write('salted.yaml', JSON.stringify({ john, jane: { ...john, password_salt: 'KCl' } }));
    const store = new FileUserStore(path, digests);
    assert.equal((await store.verify('john', 'myComplexPsw!1')).outcome, 'accepted');
    assert.equal((await store.verify('john', 'wrong')).outcome, 'rejected');
    assert.equal((await store.verify('jane', 'myComplexPsw!1')).outcome, 'rejected');
    await store.decoy('stranger', 'myComplexPsw!1');
  });

  test('without a salt are a problem of the file', async () => {
    const path = await write('unsalted.yaml', '{"john":{"password_hash":"68e6dfdf98c6619c0b6c54c0612302b9"}}');
    assert.throws(() => new FileUserStore(path, digests), ConfigError);
  });
});

describe('disabled users', () => {
  test('are rejected with the right password, after a check of it, and cannot be looked up', async () => {
    const hashes = recorder();
    const path = await write('disabled.yaml', usersYaml([['a', 'right']], { disabled: true }));
    const store = new FileUserStore(path, hashes.passwords);
    assert.deepEqual(await store.verify('a', 'right'), { outcome: 'rejected', reason: 'disabled' });
    assert.equal(hashes.checked.length, 1);
    assert.equal(await store.lookup('a'), undefined);
  });
});

describe('decoys', () => {
  test('check one hash of the file, the same for a name each time, and all of them over many names', async () => {
    const hashes = recorder();
    const store = new FileUserStore(await write('decoys', htpasswd(PEOPLE)), hashes.passwords);
    const chosen = new Map<string, string | undefined>();
    for (let index = 0; index < 100; index += 1) {
      await store.decoy(`stranger ${index}`, 'x');
      chosen.set(`stranger ${index}`, hashes.checked.at(-1));
    }
    assert.equal(hashes.checked.length, 100);
    assert.equal(new Set(chosen.values()).size, PEOPLE.size);
    for (const [name, hash] of chosen) {
      await store.decoy(name, 'another password');
      assert.equal(hashes.checked.at(-1), hash);
    }
  });

  test('check an argon2id hash where the file has no users', async () => {
    const hashes = recorder();
    const store = new FileUserStore(await write('empty', ''), hashes.passwords);
    await store.decoy('anyone', 'x');
    assert.match(hashes.checked.join(), /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[^,$]+\$[^,$]+$/);
  });
});

describe('a file that cannot be opened', () => {
  const FILES: readonly [sentence: string, path: () => Promise<string>, message: RegExp][] = [
    ['is gone', async () => join(directory, 'nowhere'), /nowhere:1:1: .*does not exist/],
    ['is a directory', async () => directory, /:1:1: .*directory/],
    ['is not UTF-8', () => write('latin1', Buffer.from('Zo\xeb:{SHA}yhl/F9N3x6QeP7n5vJ7Pcd/5fc4=', 'latin1')), /UTF-8/],
    ['is larger than 16 MiB', () => write('large', '#'.repeat(16 * 1024 ** 2 + 1)), /larger/],
    ['has problems', () => write('broken', 'johndoe:hunter2'), /broken:1:1: /],
  ];
  for (const [sentence, path, message] of FILES) {
    test(sentence, async () => {
      const file = await path();
      assert.throws(
        () => new FileUserStore(file, hashed),
        (error) => {
          assert.ok(error instanceof ConfigError);
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }
});
