import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeJwt } from 'jose';
import { meetsRules } from '../../src/guard/claim-rules.ts';
import { login, startGateway, startUpstream } from '../support/gateway.ts';

const CLAIMS = {
  roles: ['agent', 'staff'],
  level: 7,
  internal: true,
  dept: { id: '12', tags: ['a', 'b'] },
  'dept.name': 'claims',
  'https://example.com/roles': ['chief'],
  nothing: null,
  empty: [],
  nested: [['agent'], { agent: 'agent' }],
};

const rows: [sentence: string, rules: Record<string, string[]>, met: boolean][] = [
  ['no rule', {}, true],
  ['a list that has one of them', { roles: ['admin', 'agent'] }, true],
  ['a list that has none of them', { roles: ['admin'] }, false],
  ['a text by another spelling', { roles: ['Agent'] }, false],
  ['a part of a text', { roles: ['age'] }, false],
  ['a number', { level: ['7'] }, true],
  ['another number', { level: ['8'] }, false],
  ['true', { internal: ['true'] }, true],
  ['a claim in a mapping', { 'dept.id': ['12'] }, true],
  ['a list in a mapping', { 'dept.tags': ['b'] }, true],
  ['a name with dots', { 'dept.name': ['claims'] }, true],
  ['a name that is a URL', { 'https://example.com/roles': ['chief'] }, true],
  ['several, all met', { roles: ['agent'], level: ['7'] }, true],
  ['several, one not met', { roles: ['agent'], level: ['8'] }, false],
  ['a claim that is not there', { absent: ['x'] }, false],
  ['a claim that is not there, though its name would be undefined', { absent: ['undefined'] }, false],
  ['null', { nothing: ['null', ''] }, false],
  ['an empty list', { empty: [''] }, false],
  ['a mapping', { dept: ['[object Object]'] }, false],
  ['lists in lists', { nested: ['agent'] }, false],
  ['what every object inherits', { 'constructor.name': ['Object'] }, false],
  ['the length of a text', { 'level.length': ['1'], 'dept.id.length': ['2'] }, false],
];
for (const [sentence, rules, met] of rows) {
  test(`a rule about ${sentence} is ${met ? 'met' : 'not met'}`, () => {
    assert.equal(meetsRules(CLAIMS, rules), met);
  });
}

test('a route lets only tokens through that meet its rules', async (context) => {
  const upstream = await startUpstream(context);
  const gateway = await startGateway(context, {
    tokens: { signing: { algorithm: 'ES256' } },
    upstreams: { api: { targets: [upstream.url] } },
    routes: [
      { path: '/agents', require: { roles: ['agents', 'admin'], 'customData.cn': 1001 }, upstream: 'api' },
      { path: '/admins', require: { roles: 'admin' }, upstream: 'api' },
      { path: '/scoped', scopes: ['none'], require: { roles: 'admin' }, upstream: 'api' },
    ],
  });
  const [ann = '', bob = ''] = await Promise.all(
    ['ann', 'bob'].map(async (username) => (await login(gateway, { username })).body.access_token),
  );
  assert.deepEqual(decodeJwt(ann).roles, ['agents', 'staff']);
  const answers: [path: string, token: string, answer: string][] = [
    ['/agents', ann, '200 undefined'],
    ['/agents', bob, '403 access_denied'],
    ['/admins', ann, '403 access_denied'],
    ['/scoped', ann, '403 insufficient_scope'],
  ];
  for (const [path, token, answer] of answers) {
    const response = await fetch(gateway.url + path, { headers: { Authorization: `Bearer ${token}` } });
    assert.equal(`${response.status} ${((await response.json()) as { error?: string }).error}`, answer, path);
  }
  assert.equal(upstream.seen.length, 1);
});
