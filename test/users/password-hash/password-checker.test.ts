import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { hashSync } from '@node-rs/argon2';
import { type PasswordConfig, passwords } from '../../../src/config/passwords.ts';
import { GatewayError } from '../../../src/errors.ts';
import { HashPool } from '../../../src/users/password-hash/hash-pool.ts';
import { PasswordChecker } from '../../../src/users/password-hash/password-checker.ts';
import { DES_VECTORS } from './vectors.ts';

const pool = new HashPool({ concurrent_checks: 1, queue: 4 });
after(() => pool.close());

function open(hash: string | undefined, unicode: PasswordConfig['unicode'] = 'raw'): PasswordChecker {
  return new PasswordChecker(pool, { hash: passwords.hash.parse(hash), unicode });
}

const PASSWORD = 'myComplexPsw!1';

describe('a digest of a text, as the configuration says', () => {
  /** By md5(), sha1() and hash() of PHP 8.2.36, for the user johndoe with the salt NaCl. */
  const DIGESTS: readonly [hash: string, password: string, digest: string][] = [
    ['md5("{password}")', PASSWORD, '037228277b185558e27fdefcc75bdb24'],
    ['md5("{salt}{password}")', PASSWORD, '68e6dfdf98c6619c0b6c54c0612302b9'],
    ['md5("{salt}{password}")', PASSWORD, '68E6DFDF98C6619C0B6C54C0612302B9'],
    ['md5("{salt}{password}")', 'naïve pässwörd – 東京', '82b22b640004093cd42e4c9b2af66b7a'],
    ['md5("{md5:password}{salt}")', PASSWORD, 'eb6911a72f31314634b97b03948f71a4'],
    ['md5("{md5:salt}{md5:password}")', PASSWORD, 'e01657a5960cf7a703e38f685cd041c7'],
    ['sha1("{username}:{password}")', PASSWORD, 'eec68a6bc749ce64958f115b1316a925488327e7'],
    ['sha256("{password}{salt}")', PASSWORD, '2023c15b18c68bf1d2082e8a1b03187e7b5937b789935f8ed97049f2d7f8b004'],
    [
      'sha512("pepper{password}")',
      PASSWORD,
      'b1ff9d96e66b27002f9e93389c60a76b2bec57c022c95cdf4f2b5af1ecb1b9a1e66a2bd72f9e4d3f165411ec11a9b7f6c973a6219fa4e2071b020fff8bcd29b3',
    ],
  ];
  for (const [hash, password, password_hash] of DIGESTS) {
    test(`${hash} of ${password} is ${password_hash}`, async () => {
      const checker = open(hash);
      const stored = { username: 'johndoe', password_hash, password_salt: 'NaCl' };
      assert.equal(checker.problem(stored), undefined);
      assert.equal(await checker.verify(password, stored), true);
      for (const wrong of [`${password} `, password.slice(1), password.toUpperCase(), '', `{password}`]) {
        assert.equal(await checker.verify(wrong, stored), false, wrong);
      }
      assert.equal(checker.schemeName(password_hash), hash.slice(0, hash.indexOf('(')));
    });
  }

  test('takes what a user typed as it is', async () => {
    // PHP 8.2.36: md5('NaCl{salt}')
    const stored = { username: 'johndoe', password_hash: '936d962e95de8cf7d63af230e8b1faf2', password_salt: 'NaCl' };
    assert.equal(await open('md5("{salt}{password}")').verify('{salt}', stored), true);
  });

  test('has to be asked for', async () => {
    const stored = { username: 'johndoe', password_hash: '037228277b185558e27fdefcc75bdb24' };
    assert.match(open(undefined).problem(stored) ?? '', /expected a password hash/);
    await assert.rejects(open(undefined).verify(PASSWORD, stored), isUnavailable);
  });
});

describe('DES of crypt(3), as the configuration says', () => {
  for (const [password, hash] of DES_VECTORS) {
    test(`${hash} is of ${password}`, async () => {
      const checker = open('des-crypt');
      for (const password_hash of [hash, `{CRYPT}${hash}`, `{crypt}${hash}`]) {
        const stored = { username: 'johndoe', password_hash };
        assert.equal(checker.problem(stored), undefined);
        assert.equal(await checker.verify(password, stored), true);
        for (const wrong of [`x${password}`, password.toUpperCase(), `${password.slice(0, 4)}x`]) {
          assert.equal(await checker.verify(wrong, stored), false, wrong);
        }
      }
    });
  }

  const EIGHT_CHARACTERS: readonly [sentence: string, password: string, right: boolean][] = [
    ['eight characters', 'eightchr', true],
    ['seven of them', 'eightch', false],
    ['others behind them', 'eightchr and more', true],
    ['another eighth', 'eightchs and more', false],
  ];
  for (const [sentence, password, right] of EIGHT_CHARACTERS) {
    test(`${sentence}: ${right ? 'right' : 'wrong'}`, async () => {
      const stored = { username: 'johndoe', password_hash: 'ab4dOxiiWAuPc' };
      assert.equal(await open('des-crypt').verify(password, stored), right);
    });
  }

  test('seven bits of each byte are read', async () => {
    const stored = { username: 'johndoe', password_hash: 'abPH0rcyZbsAA' };
    assert.equal(await open('des-crypt').verify('pC$ssw', stored), true);
  });

  test('is weak, and has a name', () => {
    assert.equal(open('des-crypt').isWeak('ab4dOxiiWAuPc'), true);
    assert.equal(open('des-crypt').schemeName('{CRYPT}ab4dOxiiWAuPc'), 'des-crypt');
  });

  for (const hash of [undefined, 'md5("{password}")']) {
    for (const password_hash of ['ab4dOxiiWAuPc', '{CRYPT}ab4dOxiiWAuPc']) {
      test(`${password_hash} has to be asked for, and ${hash} does not`, async () => {
        const stored = { username: 'johndoe', password_hash };
        assert.match(open(hash).problem(stored) ?? '', /`hash: des-crypt`/);
        await assert.rejects(open(hash).verify('eightchr', stored), isUnavailable);
      });
    }
  }

  test('what is no DES hash is a problem', () => {
    for (const password_hash of ['ab4dOxiiWAuP', 'ab4dOxiiWAuPcc', 'ab4dOxiiWAuP!', 'ab4dOxiiWAuPc\n', '']) {
      assert.notEqual(open('des-crypt').problem({ username: 'johndoe', password_hash }), undefined);
    }
  });
});

const UNUSABLE: readonly [
  sentence: string,
  stored: { password_hash: string; password_salt?: string },
  problem: RegExp,
][] = [
  ['no salt', { password_hash: '68e6dfdf98c6619c0b6c54c0612302b9' }, /password_salt/],
  [
    'an endless salt',
    { password_hash: '68e6dfdf98c6619c0b6c54c0612302b9', password_salt: 'x'.repeat(1025) },
    /more than 1024/,
  ],
  ['a truncated digest', { password_hash: '68e6dfdf98c6619c0b6c54c0612302', password_salt: 'NaCl' }, /expected/],
  ['a digit that is none', { password_hash: 'g8e6dfdf98c6619c0b6c54c0612302b9', password_salt: 'NaCl' }, /expected/],
  ['nothing', { password_hash: '', password_salt: 'NaCl' }, /expected/],
];

for (const [sentence, stored, problem] of UNUSABLE) {
  test(`a stored digest with ${sentence} is a problem, and an outage`, async () => {
    const checker = open('md5("{salt}{password}")');
    assert.match(checker.problem({ username: 'johndoe', ...stored }) ?? '', problem);
    await assert.rejects(checker.verify(PASSWORD, { username: 'johndoe', ...stored }), isUnavailable);
  });
}

for (const hash of ['md5("{salt}{password}")', 'des-crypt']) {
  test(`a hash that says its own scheme is checked by it, whatever ${hash} says, and needs no salt`, async () => {
    const stored = { username: 'johndoe', password_hash: hashSync(PASSWORD, { memoryCost: 64, timeCost: 1 }) };
    const checker = open(hash);
    assert.equal(await checker.verify(PASSWORD, stored), true);
    assert.equal(await checker.verify('wrong', stored), false);
    assert.equal(checker.schemeName(stored.password_hash), 'argon2id');
  });
}

describe('the Unicode form of a password', () => {
  const [composed, decomposed] = ['pässwörd'.normalize('NFC'), 'pässwörd'.normalize('NFD')];
  const LOGINS: readonly [unicode: PasswordConfig['unicode'], typed: string, hashed: string, right: boolean][] = [
    ['raw', composed, composed, true],
    ['raw', decomposed, decomposed, true],
    ['raw', decomposed, composed, false],
    ['nfc', composed, composed, true],
    ['nfc', decomposed, composed, true],
    ['nfc', decomposed, decomposed, false],
  ];
  for (const [unicode, typed, hashed, right] of LOGINS) {
    const form = (text: string) => (text === composed ? 'composed' : 'decomposed');
    test(`${unicode}: ${form(typed)} is ${right ? '' : 'not '}what was hashed ${form(hashed)}`, async () => {
      const password_hash = hashSync(hashed, { memoryCost: 64, timeCost: 1 });
      assert.equal(await open(undefined, unicode).verify(typed, { username: 'johndoe', password_hash }), right);
    });
  }
});

function isUnavailable(error: unknown): boolean {
  return error instanceof GatewayError && error.code === 'temporarily_unavailable';
}
