import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readableLine } from '../../src/observe/readable-line.ts';

const HEAD = { level: 'info', time: '2026-01-31T23:59:59.998Z' };

const rows: [sentence: string, record: object, line: string][] = [
  ['time, level and message', { ...HEAD, msg: 'draining' }, '23:59:59.998 INFO draining'],
  ['fields, by their names', { ...HEAD, status: 200, path: '/a b', msg: 'request' }, ' request status=200 path="/a b"'],
  ['what is inside of a field', { ...HEAD, problems: [{ line: 1 }], msg: 'said' }, ' said problems=[{"line":1}]'],
  ['a value that looks like two fields', { ...HEAD, user: 'a" status="200', msg: 'x' }, ' x user="a\\" status=\\"200"'],
  ['a value of two lines', { ...HEAD, user: 'a\nb', msg: 'x' }, ' x user="a\\nb"'],
  ['a message of two lines', { ...HEAD, msg: 'a\n\x1b[2Kb' }, ' a\\n\\u001b[2Kb'],
];
for (const [sentence, record, line] of rows) {
  test(`people read ${sentence}`, () => {
    const read = readableLine(JSON.stringify(record), false);
    assert.ok(read.endsWith(`${line}\n`), read);
    assert.equal(read.split('\n').length, 2);
  });
}

test('on a terminal, levels and names have colours, and values have none', () => {
  const line = readableLine(JSON.stringify({ ...HEAD, level: 'error', status: 502, msg: 'request' }), true);
  assert.equal(line, '23:59:59.998 \x1b[31mERROR\x1b[0m request \x1b[90mstatus=\x1b[0m502\n');
});
