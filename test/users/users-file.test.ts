import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConfigError } from '../../src/config/problem.ts';
import { hashProblem } from '../../src/users/password-hash/schemes.ts';
import { type FileUser, parseUsersFile } from '../../src/users/users-file/parse.ts';

const BCRYPT = '$2y$05$suFt6kmtaTqUoEbH7ORjweFLPFhs79QReSzFOhLeZsyUDKDwrf0cC';
const APR1 = '$apr1$htSHOg2G$3XhcurwEZruIoab/VAIzh1';
const SHA = '{SHA}yhl/F9N3x6QeP7n5vJ7Pcd/5fc4=';

function parse(lines: readonly string[]): ReadonlyMap<string, FileUser> {
  return parseUsersFile(lines.join('\n'), 'users', ({ password_hash }) => hashProblem(password_hash));
}

describe('which format a users file is in', () => {
  const FILES: readonly [sentence: string, lines: string[], usernames: string[]][] = [
    ['an empty file has no users', [''], []],
    ['nor has one of comments', ['# nobody', '', '   # yet'], []],
    ['nor has an empty mapping', ['{}'], []],
    ['block YAML', ['johndoe:', `  password_hash: ${BCRYPT}`], ['johndoe']],
    ['flow YAML', [`johndoe: { password_hash: ${BCRYPT} }`], ['johndoe']],
    ['JSON', [`{"johndoe":{"password_hash":"${BCRYPT}"}}`], ['johndoe']],
    ['YAML behind --- and comments', ['# users', '---', `a: { password_hash: ${BCRYPT} }`], ['a']],
    ['YAML with colons in names', ['urn:user:1:', `  password_hash: ${BCRYPT}`], ['urn:user:1']],
    [
      'YAML with names that look like numbers',
      [`0123: { password_hash: ${BCRYPT} }`, `1e3: { password_hash: ${BCRYPT} }`],
      ['0123', '1e3'],
    ],
    ['YAML with colons in quoted names', [`"a:b": { password_hash: ${BCRYPT} }`], ['a:b']],
    ['YAML with a comment behind the name', ['a: # the first', `  password_hash: ${BCRYPT}`], ['a']],
    ['YAML with CRLF', ['a:\r', `  password_hash: ${BCRYPT}\r`, ''], ['a']],
    ['htpasswd', [`johndoe:${APR1}`, `jane:${BCRYPT}`, `joe:${SHA}`], ['johndoe', 'jane', 'joe']],
    ['htpasswd with comments and blank lines', ['# legacy', '', `a:${APR1}`, ' ', '#b', `c:${SHA}`], ['a', 'c']],
    ['htpasswd with CRLF and spaces at the end', [`a:${APR1}\r`, `b:${SHA}  \r`], ['a', 'b']],
    ['htpasswd with more fields, which Apache ignores', [`a:${APR1}:realm`], ['a']],
    ['htpasswd with a space inside of a name', [`john doe:${APR1}`], ['john doe']],
    ['names that every object has', [`__proto__:${APR1}`, `constructor:${APR1}`], ['__proto__', 'constructor']],
  ];
  for (const [sentence, lines, usernames] of FILES) {
    test(sentence, () => assert.deepEqual([...parse(lines).keys()], usernames));
  }
});

test('a users.yaml gives the attributes with their types, and sub and username', () => {
  const users = parse([
    'johndoe:',
    `  password_hash: ${BCRYPT}`,
    '  attributes: { sub: u-1001, cn: "1001", level: 7, groups: [agents] }',
    'jane:',
    `  password_hash: "${SHA}"`,
    '  disabled: true',
  ]);
  const attributes = { sub: 'u-1001', username: 'johndoe', cn: '1001', level: 7, groups: ['agents'] };
  assert.deepEqual(users.get('johndoe'), {
    user: { sub: 'u-1001', username: 'johndoe', attributes },
    password: { username: 'johndoe', password_hash: BCRYPT },
    disabled: false,
  });
  assert.deepEqual(users.get('jane'), {
    user: { sub: 'jane', username: 'jane', attributes: { sub: 'jane', username: 'jane' } },
    password: { username: 'jane', password_hash: SHA },
    disabled: true,
  });
});

test('users may share an anchor', () => {
  const users = parse([`a: &same { password_hash: ${BCRYPT}, attributes: { cn: x } }`, 'b: *same']);
  assert.equal(users.get('b')?.user.attributes.cn, 'x');
  assert.equal(users.get('b')?.user.username, 'b');
});

describe('the problems of a users file stand where they are', () => {
  const PROBLEMS: readonly [sentence: string, lines: string[], places: string[]][] = [
    ['YAML that ends too early', ['a: {'], ['1:4']],
    ['a list', ['- a'], ['1:1']],
    ['text', ['johndoe'], ['1:1']],
    ['a user without anything', ['a:'], ['1:3']],
    ['a user without a hash', [`a: { password_hash: ${BCRYPT} }`, 'b: { disabled: true }'], ['2:1']],
    ['unknown keys', ['a:', `  password_hash: ${BCRYPT}`, '  atributes: {}', '  disable: true'], ['3:3', '4:3']],
    [
      'values of the wrong type',
      ['a:', '  password_hash: 7', '  disabled: maybe', '  attributes: []'],
      ['2:18', '3:13', '4:15'],
    ],
    ['a sub that is a number', ['a:', `  password_hash: ${BCRYPT}`, '  attributes: { sub: 1001 }'], ['3:22']],
    [
      'an attribute that would hide the username',
      ['a:', `  password_hash: ${BCRYPT}`, '  attributes: { username: b }'],
      ['3:15'],
    ],
    ['a user twice', [`a: { password_hash: ${BCRYPT} }`, `a: { password_hash: ${BCRYPT} }`], ['2:1']],
    ['a user with a control character', [`"a\\tb": { password_hash: ${BCRYPT} }`], ['1:1']],
    ['a user with an overlong name', [`? ${'a'.repeat(257)}`, `: password_hash: ${BCRYPT}`], ['1:3']],
    ['a password in plain text', ['a: { password_hash: hunter2 }'], ['1:21']],
    ['a hash that would take minutes', [`a: { password_hash: ${BCRYPT.replace('05', '20')} }`], ['1:21']],
    ['an htpasswd user twice', [`a:${APR1}`, '# again', `a:${BCRYPT}`], ['3:1']],
    ['an htpasswd line without a colon', [`a:${APR1}`, 'b'], ['2:1']],
    ['an htpasswd line without a name', [`a:${APR1}`, `:${APR1}`], ['2:1']],
    ['an htpasswd line without a hash', [`a:${APR1}`, 'b:'], ['2:1']],
    ['htpasswd in plain text and crypt(3)', ['a:hunter2', 'b:rqXexS6ZhobKA', `c:${APR1}`], ['1:1', '2:1']],
  ];
  for (const [sentence, lines, places] of PROBLEMS) {
    test(sentence, () => {
      assert.throws(
        () => parse(lines),
        (error) => {
          assert.ok(error instanceof ConfigError);
          const found = error.problems.map(({ position }) => `${position.line}:${position.column}`);
          assert.deepEqual(found, places, error.message);
          assert.doesNotMatch(error.message, /hunter2|rqXexS6ZhobKA|suFt6kmt/);
          return true;
        },
      );
    });
  }
});

test('a users.yaml of more than 512 kb is refused before it is parsed', () => {
  assert.throws(() => parse(['a: {', '#'.repeat(512 * 1024)]), { message: /^users:1:1: larger/ });
});
