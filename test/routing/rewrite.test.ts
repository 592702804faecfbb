import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createMatcher } from '../../src/routing/matcher.ts';
import { upstreamPath } from '../../src/routing/rewrite.ts';
import { routesOf } from './routes.ts';

describe('the upstream’s path', () => {
  const rows: [sentence: string, route: Record<string, unknown>, path: string, expected: string][] = [
    ['is the path itself', { path: '/a/**' }, '/a/b/', '/a/b/'],
    ['is filled from parameters', { path: '/t/{id}', rewrite: '/bookings/{id}' }, '/t/7', '/bookings/7'],
    ['keeps escapes', { path: '/t/{id}', rewrite: '/b/{id}' }, '/t/a%20%24&', '/b/a%20%24&'],
    ['may change the order', { path: '/{a}/{b}', rewrite: '/{b}/{a}' }, '/1/2', '/2/1'],
    ['may leave parameters out', { path: '/{a}/{b}', rewrite: '/x' }, '/1/2', '/x'],
    ['takes dollar signs for what they are', { path: '/{a}', rewrite: '/x/{a}' }, "/$&$'", "/x/$&$'"],
    ['gets the tail', { path: '/t/**', rewrite: '/v2/**' }, '/t/a/b', '/v2/a/b'],
    ['gets an empty tail', { path: '/t/**', rewrite: '/v2/**' }, '/t', '/v2'],
    ['gets a tail of a slash', { path: '/t/**', rewrite: '/v2/**' }, '/t/', '/v2/'],
    ['gets parameters and a tail', { path: '/{t}/**', rewrite: '/v2/{t}/x/**' }, '/a/b', '/v2/a/x/b'],
    ['is never empty', { path: '/t/**', rewrite: '/**' }, '/t', '/'],
    ['begins with one slash only', { path: '/t/**', rewrite: '/**' }, '/t/', '/'],
    ['may be the root', { path: '/t', rewrite: '/' }, '/t', '/'],
    ['escapes what is not ASCII', { path: '/t', rewrite: '/bücher' }, '/t', '/b%C3%BCcher'],
    ['lacks the prefix', { path: '/travel/v1/**', strip_prefix: '/travel' }, '/travel/v1/x', '/v1/x'],
    ['is the root when nothing is left', { path: '/travel/**', strip_prefix: '/travel' }, '/travel', '/'],
    ['lacks a prefix that is not ASCII', { path: '/bücher/**', strip_prefix: '/bücher' }, '/b%C3%BCcher/1', '/1'],
    ['begins with one slash', { path: '/travel/**', strip_prefix: '/travel' }, '/travel/', '/'],
  ];
  for (const [sentence, route, path, expected] of rows) {
    test(sentence, () => {
      const match = createMatcher(routesOf(route)).match('any.example', path, 'GET');
      assert.equal(upstreamPath(match, path), expected);
    });
  }
});
