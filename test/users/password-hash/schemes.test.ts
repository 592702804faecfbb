import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashSync as bcryptHash } from '@node-rs/bcrypt';
import { hashPassword } from '../../../src/users/password-hash/argon2.ts';
import { hashProblem, verifyHash } from '../../../src/users/password-hash/schemes.ts';

/** Hashes that other implementations made. */
const VECTORS: readonly [sentence: string, password: string, hash: string][] = [
  [
    'argon2id, by the reference implementation',
    'naïve pässwörd – 東京',
    '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$fhMOZt5NpjG187nw/f/4xeUy5JAkk4Q98aPmpq6eQy4',
  ],
  [
    'argon2i, by the reference implementation',
    'naïve pässwörd – 東京',
    '$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$YSmxrvpS6NYrFtv2QuZM6k43MDQxtYDkTm6ifeQiCB0',
  ],
  [
    'argon2d, by the reference implementation',
    'naïve pässwörd – 東京',
    '$argon2d$v=19$m=256,t=2,p=1$c29tZXNhbHQ$ubegA28+iJEN1t6nwSVY/ctI7w2P0ZpBVlTB1fPXZZ8',
  ],
  [
    'argon2id of four lanes and 16 bytes',
    'myComplexPsw!1',
    '$argon2id$v=19$m=512,t=1,p=4$MDEyMzQ1Njc4OWFiY2RlZg$yP6UgmnFYLNNMC9qMYHrVQ',
  ],
  [
    'argon2id of version 16, of a password with a NUL',
    'with a \0 inside',
    '$argon2id$v=16$m=512,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$EQXNEjXR43AI69xcM+qSow',
  ],
  [
    'argon2i of version 16, which the hash does not name',
    'password',
    '$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ',
  ],
  ['htpasswd -B', 'myComplexPsw!1', '$2y$05$suFt6kmtaTqUoEbH7ORjweFLPFhs79QReSzFOhLeZsyUDKDwrf0cC'],
  ['htpasswd -B of UTF-8', 'naïve pässwörd – 東京', '$2y$04$uKlbbFV4kQdBUQDvw27UauS.Kot.DTtcjpPfgb3hqvEPWu9E04Sgy'],
  ['bcrypt of 72 bytes, by OpenBSD', 'y'.repeat(72), '$2b$04$3bTspT5WWtN0dPAiAf/Tm.42nyP.0Y3yEtnMt6XVY/fiI6cDL4GKe'],
  ['bcrypt as $2a$, by OpenBSD', 'myComplexPsw!1', '$2a$04$hAxnSlbBhm3ZqtLYgjbpEOaFG3piCO2PeWp9deNZ1isWI8GbvqHkW'],
  [
    'bcrypt as $2a$, by crypt(3)',
    'perl\'s "quoted" \\ password',
    '$2a$04$abcdefghijklmnopqrstuuZ2jrYWbvQpUZM9Up/lDgLTbh8GWJZA6',
  ],
  ['htpasswd -m', 'myComplexPsw!1', '$apr1$htSHOg2G$3XhcurwEZruIoab/VAIzh1'],
  ['htpasswd -m of UTF-8', 'naïve pässwörd – 東京', '$apr1$qZPMRZp1$YR1sknF5iOe1L90qn8qtc/'],
  ['apr1 of one byte, by OpenSSL', 'a', '$apr1$12345678$68ZQVfPkWX/wcXr/41VxQ.'],
  ['apr1 of one MD5 and a short salt, by OpenSSL', 'exactly16bytes!!', '$apr1$x$XM2EUsmKncC40XqtwTP8B.'],
  ['apr1 of a byte more than one MD5, by OpenSSL', 'seventeen bytes!!', '$apr1$saltsalt$z6U.FgUt81UbcU8ruRcAG.'],
  [
    'apr1 of several MD5s, by OpenSSL',
    'a password longer than one MD5 block of sixteen bytes',
    '$apr1$saltsalt$.nknIrO9SNFzfWhsIVMU90',
  ],
  ['apr1, by passlib', 'passlib made this', '$apr1$ExkIuScR$wpF5m3d0Z0J/gotgtTh6o.'],
  ['htpasswd -s', 'myComplexPsw!1', '{SHA}yhl/F9N3x6QeP7n5vJ7Pcd/5fc4='],
  ['htpasswd -s of UTF-8', 'naïve pässwörd – 東京', '{SHA}ButL/B0XQzlck40fIasevdteX94='],
];

for (const [sentence, password, hash] of VECTORS) {
  test(`verifies ${sentence}`, () => {
    assert.equal(hashProblem(hash), undefined);
    assert.equal(verifyHash(password, hash), true);
    for (const wrong of [`${password} `, password.slice(1), password.toUpperCase(), '']) {
      assert.equal(verifyHash(wrong, hash), wrong === password, wrong);
    }
  });
}

test('bcrypt refuses a password that it would read the first 72 bytes of', () => {
  const hash = '$2b$04$3bTspT5WWtN0dPAiAf/Tm.42nyP.0Y3yEtnMt6XVY/fiI6cDL4GKe';
  assert.equal(verifyHash('y'.repeat(73), hash), false);
});

test('bcrypt refuses a password with a NUL, which other implementations would have stopped at', () => {
  assert.equal(verifyHash('before\0behind', bcryptHash('before\0behind', { cost: 4 })), false);
});

const SALT_AND_SUM = 'c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
const BCRYPT_REST = 'suFt6kmtaTqUoEbH7ORjweFLPFhs79QReSzFOhLeZsyUDKDwrf0cC';
const UNUSABLE: readonly [sentence: string, hash: string, problem: RegExp][] = [
  ['a password in plain text', 'secret-text', /expected a password hash/],
  ['nothing', '', /expected a password hash/],
  ['a hash of traditional crypt(3)', 'rqXexS6ZhobKA', /expected a password hash/],
  ['a hash of MD5-crypt', '$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/', /expected a password hash/],
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
});

test('hashPassword makes an argon2id hash at the parameters of OWASP, another one each time', async () => {
  const [first, second] = [await hashPassword('pässwörd'), await hashPassword('pässwörd')];
  assert.match(first, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  assert.notEqual(first, second);
  assert.equal(hashProblem(first), undefined);
  assert.equal(verifyHash('pässwörd', first), true);
  assert.equal(verifyHash('passwörd', first), false);
});

for (const password of ['', 'x'.repeat(4097), 'é'.repeat(2049), 'a\0b']) {
  test(`hashPassword refuses ${password.length} characters that could never log in`, async () => {
    await assert.rejects(hashPassword(password), RangeError);
  });
}
