import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { excerpt } from '../../src/commands/excerpt.ts';

describe('the caret is below what is meant', () => {
  const rows: [sentence: string, line: string, column: number, caretLine: string][] = [
    ['at the beginning', 'routes: []', 1, '^'],
    ['further on', '  - { path: /a }', 13, '            ^'],
    ['behind the end', 'routes:', 8, '       ^'],
    ['behind tabs', '\tpath:\t/a', 8, '\t     \t^'],
    ['behind wide letters', '名前: /a', 5, '      ^'],
    ['behind letters of two code units', '"😀": /a', 6, '     ^'],
    ['behind combining marks', 'u\u0308ber: /a', 8, '      ^'],
    ['behind control characters', 'a\u0007b: c', 5, '    ^'],
    ['on a line that ends as on Windows', 'a: b\r', 4, '   ^'],
  ];
  for (const [sentence, line, column, caretLine] of rows) {
    test(sentence, () => {
      const [shown = '', caret] = excerpt(line, column).split('\n');
      assert.equal(caret, `    ${caretLine}`);
      assert.doesNotMatch(shown, /(?!\t)\p{Cc}/u);
    });
  }

  test('in a part of a line that is too long', () => {
    const [shown = '', caret = ''] = excerpt(`${'a'.repeat(5000)}X${'b'.repeat(5000)}`, 5001).split('\n');
    assert.ok(shown.length < 200);
    assert.equal(shown[caret.indexOf('^')], 'X');
  });
});

describe('a secret is not shown', () => {
  const rows: [sentence: string, line: string, shown: string][] = [
    ['of a client', '    secret: s3cret # old', '    secret: ****** # old'],
    [
      'in quotes',
      `  - { id: a, secret: "s3 cret, yes", auth: none }`,
      '  - { id: a, secret: **************, auth: none }',
    ],
    ['under a key that there is not', '  client_secret: s3cret', '  client_secret: ******'],
    ['as a hash', '  password_hash: $2b$10$abc', '  password_hash: **********'],
    ['in a URL', '  redis: redis://user:s3cret@host/0', '  redis: redis://***********@host/0'],
    ['in a JWK', '  - { kty: EC, x: abc, d: s3cret }', '  - { kty: EC, x: abc, d: ****** }'],
    ['of an htpasswd file', 'ann:$apr1$x', 'ann:*******'],
    ['unless it is a variable', `  secret: \${SECRET}`, `  secret: \${SECRET}`],
    ['and its length is all that is told', '  token: a', '  token: *'],
  ];
  for (const [sentence, line, shown] of rows) {
    test(sentence, () => assert.equal(excerpt(line, 1).split('\n')[0], `    ${shown}`));
  }
});
