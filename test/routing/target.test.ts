import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { GatewayError } from '../../src/errors.ts';
import { parseTarget } from '../../src/routing/target.ts';

describe('a request target has one canonical path', () => {
  const rows: [sentence: string, target: string, path: string, query?: string][] = [
    ['the root', '/', '/'],
    ['a plain path is itself', '/travel/v1/countries', '/travel/v1/countries'],
    ['a slash at the end is kept', '/travel/', '/travel/'],
    ['escaped unreserved characters are decoded', '/%61%2D%7eb%5F%2Ec', '/a-~b_.c'],
    ['other escapes are kept in upper case', '/a%3ab%c3%a9%20', '/a%3Ab%C3%A9%20'],
    ['an encoded slash stays within its segment', '/a%2fb', '/a%2Fb'],
    ['a lone encoded percent sign is kept', '/100%25', '/100%25'],
    ['a percent sign before one digit is kept', '/100%25a', '/100%25a'],
    ['three dots are a name', '/.../x', '/.../x'],
    ['a name may begin with a dot', '/.well-known/jwks.json', '/.well-known/jwks.json'],
    ['matrix parameters are kept', '/a;x=1/b', '/a;x=1/b'],
    ['sub-delimiters are kept', "/!$&'()*+,=:@", "/!$&'()*+,=:@"],
    ['the query is passed on as it is', '/a?x=%zz&y=../..//&z=%00\\"?', '/a', '?x=%zz&y=../..//&z=%00\\"?'],
    ['an empty query is kept', '/a?', '/a', '?'],
    ['a target of the greatest length', `/${'a'.repeat(8191)}`, `/${'a'.repeat(8191)}`],
  ];
  for (const [sentence, target, path, query = ''] of rows) {
    test(sentence, () => assert.deepEqual(parseTarget(target), { path, query }));
  }
});

describe('a request target that an upstream could read otherwise is refused', () => {
  const rows: [sentence: string, target: string][] = [
    ['nothing', ''],
    ['a query alone', '?a'],
    ['absolute form', 'http://host/a'],
    ['authority form', 'host:443'],
    ['asterisk form', '*'],
    ['a path without its slash', 'a/b'],
    ['a backslash', '/a\\b'],
    ['an encoded backslash', '/a%5cb'],
    ['an encoded backslash, upper-case', '/a%5Cb'],
    ['a fragment', '/a#b'],
    ['a fragment in the query', '/a?b#c'],
    ['a space', '/a b'],
    ['a space in the query', '/a?b c'],
    ['a tab', '/a\tb'],
    ['a line break in the query', '/a?b\nc'],
    ['DEL', '/a\x7f'],
    ['a raw byte beyond ASCII', '/caf\xe9'],
    ['a raw byte beyond ASCII in the query', '/a?caf\xe9'],
    ['a percent sign at the end', '/a%'],
    ['half an escape', '/a%4'],
    ['an escape of no digits', '/a%zz'],
    ['an escape made of escapes', '/%%34%31'],
    ['an encoded NUL', '/a%00'],
    ['an encoded line feed', '/a%0a'],
    ['an encoded DEL', '/a%7f'],
    ['an encoded C1 control character', '/a%C2%85'],
    ['a double-encoded slash', '/a%252fb'],
    ['a double-encoded dot', '/%252e%252e/b'],
    ['double encoding whose digits are escaped too', '/a%25%32%46b'],
    ['an empty segment', '/a//b'],
    ['an empty segment at the start', '//a'],
    ['an empty segment at the end', '/a//'],
    ['a dot segment', '/a/./b'],
    ['a dot segment at the end', '/a/.'],
    ['a double dot', '/a/../b'],
    ['a double dot at the end', '/a/..'],
    ['a double dot at the start', '/../a'],
    ['an encoded double dot', '/a/%2e%2e/b'],
    ['a half-encoded double dot', '/a/.%2E/b'],
    ['a double dot with matrix parameters', '/a/..;/b'],
    ['a double dot with encoded matrix parameters', '/a/..%3bx=1/b'],
    ['a double dot between encoded slashes', '/a%2F..%2fb'],
    ['a double dot before an encoded slash', '/..%2fb'],
    ['an overlong slash', '/a%c0%afb'],
    ['an overlong NUL', '/a%c0%80b'],
    ['a stray continuation byte', '/a%80'],
    ['a cut-off sequence', '/a%e2%82'],
    ['an encoded surrogate', '/a%ed%a0%80'],
    ['Latin-1', '/caf%e9'],
    ['a target over 8 kB', `/${'a'.repeat(8192)}`],
    ['a query over 8 kB', `/a?${'a'.repeat(8192)}`],
  ];
  for (const [sentence, target] of rows) {
    test(sentence, () => {
      assert.throws(
        () => parseTarget(target),
        (error) => error instanceof GatewayError && error.code === 'invalid_request',
      );
    });
  }
});

test('what is canonical stays as it is', () => {
  for (const target of ['/%61/%2D', '/a%2fb%c3%a9', '/x;y=%7B', '/100%25', '/a%20.']) {
    const { path } = parseTarget(target);
    assert.equal(parseTarget(path).path, path);
  }
});

test('a hostile target costs no more than its length', () => {
  const started = performance.now();
  for (const evil of ['/a'.repeat(4000).concat('\\'), `/${'.'.repeat(8000)}/`, '%41'.repeat(2700), '/;'.repeat(4000)]) {
    for (let round = 0; round < 20; round += 1) assert.throws(() => parseTarget(`${evil}\x01`));
  }
  assert.ok(performance.now() - started < 500);
});
