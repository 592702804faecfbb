import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashSync as bcryptHash } from 'bcryptjs';
import { hashPassword, isWeakHash } from '../../../src/users/password-hash/argon2.ts';
import { hashProblem, schemeName, verifyHash } from '../../../src/users/password-hash/schemes.ts';
import { VECTORS } from './vectors.ts';

const OVERLONG = 'é'.repeat(2048);

for (const [sentence, password, hash] of VECTORS) {
  test(`verifies ${sentence}`, () => {
    assert.equal(hashProblem(hash), undefined);
    assert.equal(verifyHash(password, hash), true);
    for (const wrong of [`${password}x`, `x${password}`, password.slice(1), password.toUpperCase(), '', OVERLONG]) {
      assert.equal(verifyHash(wrong, hash), wrong === password, wrong);
    }
  });

  test(`accepts no piece of ${sentence}`, () => {
    // Identity's version 3 does not say how long its key is: of a longer one, 16 bytes are a key too.
    const pieces = hash.startsWith('AQAAAA') ? [] : Array.from(hash, (_, length) => hash.slice(0, length));
    for (const wrong of [...pieces, `${hash}A`, `${hash}=`, ` ${hash}`, `${hash}\n`]) {
      assert.ok(hashProblem(wrong) !== undefined || !verifyHash(password, wrong), wrong);
    }
  });
}

test('bcrypt refuses a password that it would read the first 72 bytes of', () => {
  const hash = '$2b$04$3bTspT5WWtN0dPAiAf/Tm.42nyP.0Y3yEtnMt6XVY/fiI6cDL4GKe';
  assert.equal(verifyHash('y'.repeat(73), hash), false);
});

test('bcrypt refuses a password with a NUL, which other implementations would have stopped at', () => {
  assert.equal(verifyHash('before\0behind', bcryptHash('before\0behind', 4)), false);
});

test('bcrypt’s limit is none for WordPress, which hashes what it gives to bcrypt', () => {
  // PHP 8.2.36, by the formula of wp_hash_password() of WordPress 6.8.
  const hash = '$wp$2y$04$lUJl7GtW38OAxscAh6dMh.OWiHMRcaoggJgKCPbKk5Crn8wALVawK';
  assert.equal(verifyHash('w'.repeat(100), hash), true);
  assert.equal(verifyHash('w'.repeat(101), hash), false);
});

test('MySQL’s old PASSWORD() skips blanks and tabs', () => {
  assert.equal(verifyHash('my Complex\tPsw!1', '1c1c83f07b36f208'), true); // MariaDB 10.11.19: OLD_PASSWORD()
});

const LIMITED: readonly [sentence: string, hash: string][] = [
  [
    'SHA-crypt, by passlib 1.7.4',
    '$6$rounds=1000$saltstring$p9oVMJ79uzmOywdcpkRJDmh4n7mGS8SYXWYWfbiAHOVNlbLOiokBEva2xXIEwcVuYLuqxR6xqJHCfcA.PMEgL1',
  ],
  ['Drupal, by PHP 8.2.36', '$S$5abcdefghuA4iKcg0Et3Kt5F7bBUOhrPHvJQ2S2SDvcsr39uf7vU'],
];
for (const [sentence, hash] of LIMITED) {
  test(`refuses a password of 513 bytes, even one that the hash is of: ${sentence}`, () => {
    assert.equal(hashProblem(hash), undefined);
    assert.equal(verifyHash('y'.repeat(513), hash), false);
  });
}

test('the prefixes of directories may be in any case', () => {
  assert.equal(verifyHash('myComplexPsw!1', '{ssha}PH5/jFvTDze2ApONI7zKTAGEdmGVyZDq'), true);
  assert.equal(verifyHash('myComplexPsw!1', '{crypt}$1$opensslx$7NGKk0VKCKtqNEDThtZLr.'), true);
});

const SALT_AND_SUM = 'c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
const BCRYPT_REST = 'suFt6kmtaTqUoEbH7ORjweFLPFhs79QReSzFOhLeZsyUDKDwrf0cC';

/** ASP.NET Identity's version 3, with `salt` and `key` in bytes. */
function identityV3({ digest = 1, iterations = 10, salt = 16, key = 32 }): string {
  const head = Buffer.alloc(13, 1);
  head.writeUInt32BE(digest, 1);
  head.writeUInt32BE(iterations, 5);
  head.writeUInt32BE(salt, 9);
  return Buffer.concat([head, Buffer.alloc(Math.min(salt, 64) + key, 7)]).toString('base64');
}

const UNUSABLE: readonly [sentence: string, hash: string, problem: RegExp][] = [
  ['a password in plain text', 'secret-text', /expected a password hash/],
  ['nothing', '', /expected a password hash/],
  ['a DES hash of crypt(3)', 'rqXexS6ZhobKA', /`hash: des-crypt`/],
  ['a bare MD5', '037228277b185558e27fdefcc75bdb24', /expected a password hash/],
  ['a hash of a thousand characters and more', `$1$saltsalt$${'x'.repeat(1100)}`, /more than 1024/],
  ['bcrypt of the faulty implementation', `$2x$05$${BCRYPT_REST}`, /expected a password hash/],
  ['a truncated bcrypt hash', `$2y$05$${BCRYPT_REST.slice(0, 40)}`, /malformed/],
  ['bcrypt of cost 17', `$2y$17$${BCRYPT_REST}`, /seconds/],
  ['bcrypt of cost 31', `$2b$31$${BCRYPT_REST}`, /seconds/],
  ['a truncated argon2 hash', '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ', /malformed/],
  ['argon2 without parameters', `$argon2id$v=19$${SALT_AND_SUM}`, /malformed/],
  ['argon2 with a lane that has no memory', `$argon2id$v=19$m=256,t=2,p=64$${SALT_AND_SUM}`, /malformed/],
  ['argon2 with more than 1 GiB', `$argon2id$v=19$m=1048577,t=1,p=1$${SALT_AND_SUM}`, /1 GiB/],
  ['argon2 with 1 GiB five times', `$argon2id$v=19$m=1048576,t=5,p=1$${SALT_AND_SUM}`, /seconds/],
  ['argon2 with a million passes', `$argon2id$v=19$m=19456,t=1000000,p=1$${SALT_AND_SUM}`, /seconds/],
  ['apr1 without a salt', '$apr1$$3XhcurwEZruIoab/VAIzh1', /malformed/],
  ['a truncated apr1 hash', '$apr1$htSHOg2G$3XhcurwEZruIoab', /malformed/],
  ['a truncated {SHA} hash', '{SHA}yhl/F9N3x6QeP7n5', /malformed/],
  ['{SHA} with a salt', '{SHA}PH5/jFvTDze2ApONI7zKTAGEdmGVyZDq', /malformed/],
  ['{SSHA} without a salt', '{SSHA}yhl/F9N3x6QeP7n5vJ7Pcd/5fc4=', /malformed/],
  ['{SSHA} in the alphabet of URLs', '{SSHA}PH5_jFvTDze2ApONI7zKTAGEdmGVyZDq', /malformed/],
  ['{CRYPT} of DES', '{CRYPT}rqXexS6ZhobKA', /`hash: des-crypt`/],
  ['{CRYPT} of yescrypt', '{CRYPT}$y$j9T$abcdefgh$0123456789012345678901234567890123456789012', /none of/],
  ['{CRYPT} of bcrypt of cost 17', `{CRYPT}$2y$17$${BCRYPT_REST}`, /seconds/],
  ['WordPress’s bcrypt of cost 17', `$wp$2y$17$${BCRYPT_REST}`, /seconds/],
  ['SHA-crypt of too many rounds', `$6$rounds=1000001$salt$${'A'.repeat(86)}`, /seconds/],
  ['SHA-crypt of the most rounds', `$5$rounds=999999999$salt$${'A'.repeat(43)}`, /seconds/],
  ['SHA-crypt of even more', `$5$rounds=9999999999$salt$${'A'.repeat(43)}`, /malformed/],
  ['SHA-512-crypt with the sum of SHA-256', `$6$salt$${'A'.repeat(43)}`, /malformed/],
  ['scrypt of crypt(3) with 2 GiB', `$7$J6..../....salt$${'A'.repeat(43)}`, /seconds/],
  ['scrypt of crypt(3) with 1 GiB twice', `$7$I6....0....salt$${'A'.repeat(43)}`, /seconds/],
  ['scrypt of crypt(3) with the most of all', `$7$zzzzzzzzzzzsalt$${'A'.repeat(43)}`, /seconds/],
  ['scrypt of crypt(3) of N=1', `$7$.6..../....salt$${'A'.repeat(43)}`, /malformed/],
  ['scrypt of crypt(3) of r=0', `$7$C...../....salt$${'A'.repeat(43)}`, /malformed/],
  ['scrypt of crypt(3) of p=0', `$7$C6.........salt$${'A'.repeat(43)}`, /malformed/],
  ['scrypt of crypt(3), truncated', `$7$C6..../....salt$${'A'.repeat(42)}`, /malformed/],
  ['MySQL’s SHA-2 of too many rounds', `$A$3E9$${'s'.repeat(20)}${'A'.repeat(43)}`, /seconds/],
  ['MySQL’s SHA-2 of no rounds', `$A$000$${'s'.repeat(20)}${'A'.repeat(43)}`, /malformed/],
  ['MySQL’s SHA-2 with a short salt', `$A$005$${'s'.repeat(19)}${'A'.repeat(43)}`, /malformed/],
  ['phpass of 2^19 rounds', `$P$H12345678${'A'.repeat(22)}`, /seconds/],
  ['phpass of a cost that is no character of crypt', `$P$!12345678${'A'.repeat(22)}`, /malformed/],
  ['Drupal of 2^30 rounds', `$S$S12345678${'A'.repeat(43)}`, /seconds/],
  ['PBKDF2 of too many iterations', `pbkdf2_sha256$10000001$salt$${'A'.repeat(43)}=`, /seconds/],
  ['PBKDF2 of endlessly many', `pbkdf2_sha256$${'9'.repeat(400)}$salt$${'A'.repeat(43)}=`, /seconds/],
  ['PBKDF2 of no iterations', `pbkdf2_sha256$0$salt$${'A'.repeat(43)}=`, /malformed/],
  ['PBKDF2 of an unknown digest', `pbkdf2:md5:10$salt$${'a'.repeat(32)}`, /malformed/],
  ['PBKDF2 with an empty key', '$pbkdf2-sha256$10$c2FsdA$', /malformed/],
  ['PBKDF2 with a short key', '$pbkdf2-sha256$10$c2FsdA$AAAA', /malformed/],
  ['Identity of too many iterations', identityV3({ iterations: 10_000_001 }), /seconds/],
  ['Identity with a key of many blocks', identityV3({ iterations: 1_000_000, key: 700 }), /seconds/],
  ['Identity of no iterations', identityV3({ iterations: 0 }), /malformed/],
  ['Identity of an unknown digest', identityV3({ digest: 3 }), /malformed/],
  ['Identity without a salt', identityV3({ salt: 0 }), /malformed/],
  ['Identity without a key', identityV3({ key: 0 }), /malformed/],
  ['Identity with a salt that is longer than all', identityV3({ salt: 0xffffffff }), /malformed/],
  ['scrypt with 2 GiB', `scrypt:2097152:8:1$salt$${'a'.repeat(128)}`, /seconds/],
  ['scrypt with 1 GiB twice', `scrypt:1048576:8:2$salt$${'a'.repeat(128)}`, /seconds/],
  ['scrypt of ln=99', `$scrypt$ln=99,r=8,p=1$c2FsdA$${'A'.repeat(43)}`, /seconds/],
  ['scrypt of an N that is no power of two', `scrypt:1000:8:1$salt$${'a'.repeat(128)}`, /malformed/],
  ['scrypt of N=1', `scrypt:1:8:1$salt$${'a'.repeat(128)}`, /malformed/],
  ['scrypt of an N that r is too small for', `scrypt:65536:1:1$salt$${'a'.repeat(128)}`, /malformed/],
  ['scrypt of r=0', `scrypt:16:0:1$salt$${'a'.repeat(128)}`, /malformed/],
  ['scrypt of p=0', `scrypt:16:8:0$salt$${'a'.repeat(128)}`, /malformed/],
];

for (const [sentence, hash, problem] of UNUSABLE) {
  test(`has a problem with ${sentence}, and does not repeat it`, () => {
    const message = hashProblem(hash);
    assert.match(message ?? '', problem);
    assert.ok(hash === '' || !message?.includes(hash.slice(-10)));
  });
}

test('the greatest costs that are allowed have no problem', () => {
  assert.equal(hashProblem(`$2y$16$${BCRYPT_REST}`), undefined);
  assert.equal(hashProblem(`$argon2id$v=19$m=1048576,t=4,p=4$${SALT_AND_SUM}`), undefined);
  assert.equal(hashProblem(`$6$rounds=1000000$salt$${'A'.repeat(86)}`), undefined);
  assert.equal(hashProblem(`$A$3E8$${'s'.repeat(20)}${'A'.repeat(43)}`), undefined);
  assert.equal(hashProblem(`$7$I6..../....salt$${'A'.repeat(43)}`), undefined);
  assert.equal(hashProblem(`$P$G12345678${'A'.repeat(22)}`), undefined);
  assert.equal(hashProblem(`pbkdf2_sha256$10000000$salt$${'A'.repeat(43)}=`), undefined);
  assert.equal(hashProblem(`scrypt:1048576:8:1$salt$${'a'.repeat(128)}`), undefined);
});

const NAMES: readonly [hash: string, name: string | undefined][] = [
  [`$argon2id$v=19$m=256,t=2,p=1$${SALT_AND_SUM}`, 'argon2id'],
  [`$argon2i$v=19$m=256,t=2,p=1$${SALT_AND_SUM}`, 'argon2i'],
  [`$argon2d$v=19$m=256,t=2,p=1$${SALT_AND_SUM}`, 'argon2d'],
  [`$2y$05$${BCRYPT_REST}`, 'bcrypt'],
  [`$wp$2y$05$${BCRYPT_REST}`, 'wordpress'],
  [`{CRYPT}$2y$05$${BCRYPT_REST}`, '{CRYPT}'],
  ['$apr1$htSHOg2G$3XhcurwEZruIoab/VAIzh1', 'apr1'],
  ['$1$opensslx$7NGKk0VKCKtqNEDThtZLr.', 'md5-crypt'],
  ['{SSHA}PH5/jFvTDze2ApONI7zKTAGEdmGVyZDq', '{SSHA}'],
  ['{SSHA512}…', '{SSHA512}'],
  ['*7036BCFD09F7FC4175FD6E6C8848ADAEEE8AC7FE', 'mysql'],
  ['1c1c83f07b36f208', 'mysql-old'],
  ['$A$005$…', 'mysql-sha2'],
  ['$7$C6..../....…', 'scrypt-crypt'],
  ['rqXexS6ZhobKA', undefined],
  ['secret-text', undefined],
];

for (const [hash, name] of NAMES) {
  test(`the scheme of ${hash} is ${name}`, () => assert.equal(schemeName(hash), name));
}

const STRENGTHS: readonly [hash: string, weak: boolean][] = [
  [`$argon2id$v=19$m=19456,t=2,p=1$${SALT_AND_SUM}`, false],
  [`$argon2id$v=19$m=65536,t=1,p=4$${SALT_AND_SUM}`, false],
  [`$argon2id$v=19$m=19456,t=1,p=1$${SALT_AND_SUM}`, true],
  [`$argon2id$v=19$m=8192,t=20,p=1$${SALT_AND_SUM}`, true],
  [`$argon2i$v=19$m=65536,t=4,p=1$${SALT_AND_SUM}`, true],
  [`$2y$14$${BCRYPT_REST}`, true],
  ['$argon2id$malformed', true],
  ['secret-text', true],
];

for (const [hash, weak] of STRENGTHS) {
  test(`${hash} is ${weak ? 'weak' : 'strong'}`, () => assert.equal(isWeakHash(hash), weak));
}

test('hashPassword makes an argon2id hash at the parameters of OWASP, another one each time', () => {
  const [first, second] = [hashPassword('pässwörd'), hashPassword('pässwörd')];
  assert.match(first, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  assert.notEqual(first, second);
  assert.equal(hashProblem(first), undefined);
  assert.equal(verifyHash('pässwörd', first), true);
  assert.equal(verifyHash('passwörd', first), false);
});

for (const password of ['', 'x'.repeat(4097), 'é'.repeat(2049), 'a\0b']) {
  test(`hashPassword refuses ${password.length} characters that could never log in`, () => {
    assert.throws(() => hashPassword(password), RangeError);
  });
}
