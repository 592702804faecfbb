import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { LeakSearch, searchOverheard } from './leak-search.ts';

const VALUE = 'Tr0ub4dor&3 "x"';
const basic = Buffer.from(`web:${VALUE}`).toString('base64');
// Written in parts, for this file's own output is searched too.
const KEY = `-----BEGIN ${'PRIVATE KEY'}-----`;
const HASH = `$argon2id${'$v=19'}$m=8`;

describe('the search of what tests have overheard', () => {
  const rows: [sentence: string, text: string, found: string[]][] = [
    ['nothing', '', []],
    ['less than a secret', 'Tr0ub4d', []],
    ['how it begins', VALUE.slice(0, 10), []],
    ['another text', `the quick brown fox ${'jumps '.repeat(100)}`, []],
    ['it', VALUE, ['password']],
    ['it among others', `before ${VALUE} after`, ['password']],
    ['it at the end', `before ${VALUE}`, ['password']],
    ['it in JSON', JSON.stringify({ message: VALUE }), ['password']],
    ['it in a form', new URLSearchParams({ a: VALUE }).toString().replaceAll('+', '%20'), ['password']],
    ['it as a part of Basic', basic, ['password']],
    ['it in hex', Buffer.from(VALUE).toString('hex'), ['password']],
    ['a private key', `x ${KEY}`, ['a private key']],
    ['a hash', HASH, ['an argon2 hash']],
  ];
  const search = new LeakSearch([
    { name: 'password', value: VALUE },
    { name: 'a word', value: 'jumping' },
    { name: 'too short', value: 'fox' },
  ]);
  for (const [sentence, text, found] of rows) {
    test(`${sentence}: ${found[0] ?? 'no leak'}`, () => assert.deepEqual(search.in(Buffer.from(text)), found));
  }

  test('one file is searched for the secrets of all', (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-leaks-'));
    context.after(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'a.secrets'), JSON.stringify({ name: 'password', value: VALUE }));
    writeFileSync(join(folder, 'b.secrets'), '');
    writeFileSync(join(folder, 'a.said'), 'nothing');
    writeFileSync(join(folder, 'b.said'), `much\n${VALUE}`);
    assert.deepEqual(searchOverheard(folder), ['password was said in b.said']);
  });
});
