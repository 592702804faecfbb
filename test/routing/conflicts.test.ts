import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { conflictingRoutes } from '../../src/routing/conflicts.ts';
import { routesOf } from './routes.ts';

type Raw = string | Record<string, unknown>;

describe('two routes that could both win a request are an error', () => {
  const rows: [sentence: string, one: Raw, other: Raw][] = [
    ['the same path', '/a', '/a'],
    ['parameters of other names', '/a/{x}/b', '/a/{y}/b'],
    ['the same tail', '/a/{x}/**', '/a/{y}/**'],
    ['literals that differ in case', '/a/B', '/a/b'],
    ['a method in common', { path: '/a', methods: ['GET', 'PUT'] }, { path: '/a', methods: ['PUT'] }],
    ['all methods and one', '/a', { path: '/a', methods: ['PUT'] }],
    ['the same host in another case', { path: '/a', host: 'A.example' }, { path: '/a', host: 'a.example' }],
  ];
  for (const [sentence, one, other] of rows) {
    test(sentence, () => {
      const problems = conflictingRoutes(routesOf('/other', one, '/another', other));
      assert.equal(problems.length, 1);
      assert.equal(problems[0]?.position.line, 4);
      assert.match(problems[0]?.message ?? '', /line 2\b/);
    });
  }
});

describe('routes that one can tell apart are none', () => {
  const rows: [sentence: string, one: Raw, other: Raw][] = [
    ['a literal beside a parameter', '/a/b', '/a/{x}'],
    ['a path beside its tail', '/a', '/a/**'],
    ['other methods', { path: '/a', methods: ['GET'] }, { path: '/a', methods: ['PUT'] }],
    ['other hosts', { path: '/a', host: 'a.example' }, { path: '/a', host: 'b.example' }],
    ['one host and any', { path: '/a', host: 'a.example' }, '/a'],
    ['a literal named like a shape', '/a/x', '/a/y'],
  ];
  for (const [sentence, one, other] of rows) {
    test(sentence, () => assert.deepEqual(conflictingRoutes(routesOf(one, other)), []));
  }
});

test('each later route is told of', () => {
  const lines = conflictingRoutes(routesOf('/a', '/a', '/a')).map(({ position }) => position.line);
  assert.deepEqual(lines, [2, 3]);
});
