import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identityTemplate } from '../../src/proxy/identity.ts';

const CLAIMS = JSON.parse(`{
  "sub": "ann", "scope": "read write", "level": 3, "admin": true, "none": null, "empty": "",
  "roles": ["agent", "a,b", "100%", "Zoë"], "mixed": [1, true, "x"], "nothing": [],
  "customData": { "cn": "1001", "deep": { "x": "é%" } }, "objects": [{ "a": 1 }],
  "name": "Zoë ☃", "percent": "%C3%A9", "padded": " admin ", "line": "a\\r\\nX-Admin: 1", "nul": "a\\u0000b",
  "tab": "a\\tb", "surrogate": "a\\ud800", "dollar": "$&", "__proto__": { "polluted": "yes" }
}`);

const rows: [sentence: string, template: string, expected: string | undefined][] = [
  ['a text is as it is', '{token.sub}', 'ann'],
  ['inner blanks stay', '{token.scope}', 'read write'],
  ['text around it stays', 'user={token.sub}; v=1', 'user=ann; v=1'],
  ['two claims in one', '{token.sub}/{token.level}', 'ann/3'],
  ['a number', '{token.level}', '3'],
  ['a boolean', '{token.admin}', 'true'],
  ['a nested claim', '{token.customData.cn}', '1001'],
  ['a template without claims', 'postern', 'postern'],
  ['a list joined by commas, each of its items apart', '{token.roles}', 'agent,a%2Cb,100%25,Zo%C3%AB'],
  ['a list of other scalars', '{token.mixed}', '1,true,x'],
  ['an empty list', '{token.nothing}', ''],
  ['an object as ASCII JSON', '{token.customData}', '{"cn":"1001","deep":{"x":"\\u00e9%"}}'],
  ['a list of objects as JSON', '{token.objects}', '[{"a":1}]'],
  ['what is not ASCII as UTF-8 escapes', '{token.name}', 'Zo%C3%AB %E2%98%83'],
  ['a percent sign, so that nothing can look like an escape', '{token.percent}', '%25C3%25A9'],
  ['blanks at the ends, which would be trimmed', '{token.padded}', '%20admin%20'],
  ['line breaks cannot make a header', '{token.line}', 'a%0D%0AX-Admin: 1'],
  ['NUL', '{token.nul}', 'a%00b'],
  ['a tab', '{token.tab}', 'a%09b'],
  ['a lone surrogate', '{token.surrogate}', 'a%EF%BF%BD'],
  ['dollar signs', '{token.dollar}', '$&'],
  ['an empty claim is a header that is empty', '{token.empty}', ''],
  ['a missing claim leaves the header out', '{token.nobody}', undefined],
  ['so does null', '{token.none}', undefined],
  ['so does one of two', '{token.sub} {token.nobody}', undefined],
  ['a member of a text', '{token.sub.length}', undefined],
  ['what objects inherit is no claim', '{token.constructor}', undefined],
  ['an own __proto__ is one', '{token.__proto__.polluted}', 'yes'],
];
for (const [sentence, template, expected] of rows) {
  test(sentence, () => assert.equal(identityTemplate(template)(CLAIMS), expected));
}

const CARRIED = Object.assign(Object.create({ inherited: 'x' }), { session: 'A%3A "b"' });

const carriedRows: [sentence: string, template: string, expected: string | undefined][] = [
  ['what is carried is as it was', '{carry.session}', 'A%3A "b"'],
  ['beside a claim', 'Bearer {carry.session} of {token.sub}', 'Bearer A%3A "b" of ann'],
  ['what is not carried leaves the header out', '{carry.other}', undefined],
  ['what objects inherit is not carried', '{carry.inherited}{carry.constructor}', undefined],
];
for (const [sentence, template, expected] of carriedRows) {
  test(sentence, () => assert.equal(identityTemplate(template)(CLAIMS, CARRIED), expected));
}

test('where nothing is carried, a template that reads it makes nothing', () => {
  assert.equal(identityTemplate('{carry.session}')(CLAIMS), undefined);
});
