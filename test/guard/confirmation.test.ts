import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isConfirmed } from '../../src/guard/confirmation.ts';

const rows: [sentence: string, cnf: unknown, thumbprint: string | undefined, confirmed: boolean][] = [
  ['a token that is not bound', undefined, undefined, true],
  ['a token that is not bound, and a certificate', undefined, 'abc', true],
  ['the right certificate', { 'x5t#S256': 'abc' }, 'abc', true],
  ['another certificate', { 'x5t#S256': 'abc' }, 'abd', false],
  ['no certificate', { 'x5t#S256': 'abc' }, undefined, false],
  ['a thumbprint that is none', { 'x5t#S256': undefined }, undefined, false],
  ['a way of binding that is not known', { kid: 'abc' }, 'abc', false],
  ['one that is known and one that is not', { 'x5t#S256': 'abc', kid: 'abc' }, 'abc', false],
  ['nothing to be confirmed by', {}, 'abc', false],
  ['null', null, 'abc', false],
  ['text', 'abc', 'abc', false],
  ['a list', ['abc'], 'abc', false],
];

for (const [sentence, cnf, thumbprint, confirmed] of rows) {
  test(`${sentence} is ${confirmed ? 'confirmed' : 'refused'}`, () => {
    assert.equal(isConfirmed(cnf, thumbprint), confirmed);
  });
}
