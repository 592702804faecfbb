import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isConfirmed } from '../../src/guard/confirmation.ts';

const rows: [
  sentence: string,
  cnf: unknown,
  certificate: string | undefined,
  jkt: string | undefined,
  confirmed: boolean,
][] = [
  ['a token that is not bound', undefined, undefined, undefined, true],
  ['a token that is not bound, and a certificate', undefined, 'abc', undefined, true],
  ['a token that is not bound, and a proof', undefined, undefined, 'abc', false],
  ['the right certificate', { 'x5t#S256': 'abc' }, 'abc', undefined, true],
  ['another certificate', { 'x5t#S256': 'abc' }, 'abd', undefined, false],
  ['no certificate', { 'x5t#S256': 'abc' }, undefined, undefined, false],
  ['the right certificate and a proof that is not asked for', { 'x5t#S256': 'abc' }, 'abc', 'abc', false],
  ['the right proof', { jkt: 'abc' }, undefined, 'abc', true],
  ['the right proof and some certificate', { jkt: 'abc' }, 'abd', 'abc', true],
  ['another proof', { jkt: 'abc' }, undefined, 'abd', false],
  ['no proof', { jkt: 'abc' }, undefined, undefined, false],
  ['a certificate for a proof', { jkt: 'abc' }, 'abc', undefined, false],
  ['both of two keys', { jkt: 'abc', 'x5t#S256': 'abd' }, 'abd', 'abc', true],
  ['one of two keys', { jkt: 'abc', 'x5t#S256': 'abd' }, undefined, 'abc', false],
  ['a thumbprint that is none', { 'x5t#S256': undefined }, undefined, undefined, false],
  ['a way of binding that is not known', { kid: 'abc' }, 'abc', undefined, false],
  ['one that is known and one that is not', { 'x5t#S256': 'abc', kid: 'abc' }, 'abc', undefined, false],
  ['nothing to be confirmed by', {}, 'abc', undefined, false],
  ['null', null, 'abc', undefined, false],
  ['text', 'abc', 'abc', undefined, false],
  ['a list', ['abc'], 'abc', undefined, false],
];

for (const [sentence, cnf, certificate, jkt, confirmed] of rows) {
  test(`${sentence} is ${confirmed ? 'confirmed' : 'refused'}`, () => {
    assert.equal(isConfirmed(cnf, { 'x5t#S256': certificate, jkt }), confirmed);
  });
}
