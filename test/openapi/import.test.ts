import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { ConfigError } from '../../src/config/problem.ts';
import { readDescription } from '../../src/openapi/description.ts';
import type { DraftOptions } from '../../src/openapi/draft-routes.ts';
import { readOperations } from '../../src/openapi/operations.ts';
import { configured, descriptionOf, importText, writeTemporary } from './described.ts';

const READ = [{ oauth: ['read'] }];
const get = (security: unknown = READ, more: object = {}) => ({ get: { security, ...more } });

/** `GET /a read; POST /b write|admin; GET /c public`, and what was told. */
function say(text: string, options?: Partial<DraftOptions>): string[] {
  const { drafts, codes } = importText(text, options);
  if (drafts.length > 0) configured(drafts); // Whatever comes out can be used.
  const routes = drafts.map(({ path, methods, public: isPublic, scopes, any_scope }) => {
    const access = isPublic ? 'public' : [...scopes, any_scope.join('|')].filter(Boolean).join(' ') || '-';
    return `${methods.join(',')} ${path} ${access}`;
  });
  return [...routes, ...codes];
}

describe('security becomes', () => {
  const rows: [sentence: string, security: unknown, said: string[]][] = [
    ['all scopes of one requirement', [{ oauth: ['read', 'write'] }], ['read write']],
    ['all scopes of schemes that are needed together', [{ oauth: ['read'], oidc: ['profile'] }], ['read profile']],
    ['one of the scopes of alternatives', [{ oauth: ['read'] }, { oidc: ['write'] }], ['read|write']],
    ['what alternatives share, and one of the rest', [{ oauth: ['a', 'b'] }, { oauth: ['a', 'c'] }], ['a b|c']],
    ['the smaller one of two alternatives that include each other', [{ oauth: ['a', 'b'] }, { oauth: ['a'] }], ['a']],
    ['one of two alternatives that are the same', [{ oauth: ['a'] }, { oidc: ['a'] }], ['a']],
    [
      'the first of alternatives that a route cannot say',
      [{ oauth: ['a', 'b'] }, { oauth: ['c'] }],
      ['a b', 'narrowed-security'],
    ],
    ['any token for a scheme without scopes', [{ oauth: [] }], ['-']],
    ['any token for a bearer token', [{ bearer: [] }], ['-']],
    [
      'scopes alone, where a bearer token without any would do',
      [{ bearer: [] }, { oauth: ['a'] }],
      ['a', 'narrowed-security'],
    ],
    ['any token in the place of a key', [{ key: [] }], ['-', 'foreign-scheme']],
    ['any token in the place of HTTP Basic', [{ basic: [] }], ['-', 'foreign-scheme']],
    ['scopes beside a key', [{ oauth: ['a'], key: [] }], ['a', 'foreign-scheme']],
    ['scopes, where a key would do', [{ key: [] }, { oauth: ['a'] }], ['a', 'foreign-scheme', 'narrowed-security']],
    ['a token where none is needed, but one is understood', [{}, { oauth: ['a'] }], ['a', 'narrowed-security']],
    ['the scopes of a scheme that nobody described', [{ other: ['a'] }], ['a', 'unknown-scheme']],
    ['a public route where it is empty', [], ['public', 'public-operation']],
    ['any token where only nobody is known', [{}], ['-', 'no-security']],
  ];
  for (const [sentence, security, [access, ...codes]] of rows) {
    test(sentence, () => {
      assert.deepEqual(say(descriptionOf({ '/a': get(security) })), [`GET /a ${access}`, ...codes]);
    });
  }

  test('that of the whole description, where an operation has none of its own', () => {
    const text = descriptionOf({ '/a': { get: {}, post: { security: [] } } }, { security: READ });
    assert.deepEqual(say(text), ['GET /a read', 'POST /a public', 'public-operation']);
  });

  const unsaid: [sentence: string, root: object][] = [
    ['where nothing is said', {}],
    ['where the whole description says `security: []`', { security: [] }],
  ];
  for (const [sentence, root] of unsaid) {
    test(`any token ${sentence}, or public if asked to`, () => {
      const text = descriptionOf({ '/a': { get: {} } }, root);
      assert.deepEqual(say(text), ['GET /a -', 'no-security']);
      assert.deepEqual(say(text, { unsaid: 'public' }), ['GET /a public', 'no-security']);
    });
  }
});

describe('a path becomes', () => {
  const rows: [sentence: string, path: string, route: string, codes?: string[]][] = [
    ['itself', '/pets/{id}/toys', '/pets/{id}/toys'],
    ['itself at the root', '/', '/'],
    ['one with names that routes can have', '/pets/{pet-id}/{2nd}', '/pets/{pet_id}/{_2nd}'],
    ['one with different names', '/{id}/{id}/{i-d}/{i.d}', '/{id}/{id_2}/{i_d}/{i_d_2}'],
    ['itself with letters of all languages', '/caf%C3%A9/größe', '/café/größe'],
    [
      'a broader one for a template in a part of a segment',
      '/files/{name}.json',
      '/files/{name_json}',
      ['broadened-path'],
    ],
    ['a broader one for two templates in a segment', '/{a}:{b}', '/{a_b}', ['broadened-path']],
    ['a broader one for what a route cannot say', '/a;b/*/x%20y', '/{a_b}/{_}/{x_20y}', ['broadened-path']],
    ['all below it for a slash at the end', '/pets/', '/pets/**', ['broadened-path']],
    ['one without a query', '/pets?kind=cat', '/pets', ['broadened-path']],
    ['one without a fragment', '/#Target=Do', '/', ['broadened-path']],
  ];
  for (const [sentence, path, route, codes = []] of rows) {
    test(sentence, () => assert.deepEqual(say(descriptionOf({ [path]: get() })), [`GET ${route} read`, ...codes]));
  }

  for (const path of ['/a//b', '/a/../b', '/a%2e%2e/%2e%2e', '/a%zz', '/a\\b']) {
    test(`nothing where no request could have it: ${path}`, () => {
      assert.deepEqual(say(descriptionOf({ [path]: get() })), ['operation-left-out']);
    });
  }
});

describe('the base path', () => {
  const server = (url: string, more: object = {}) => ({ servers: [{ url, ...more }] });
  const rows: [sentence: string, root: object, item: object, path: string, codes?: string[]][] = [
    ['is that of the server', server('https://api.example.com/v1/'), {}, '/v1/a'],
    ['is relative', server('/v1'), {}, '/v1/a'],
    [
      'has its variables',
      server('https://{h}/{v}', { variables: { h: { default: 'x' }, v: { default: 'v2' } } }),
      {},
      '/v2/a',
    ],
    ['is none without servers', {}, {}, '/a'],
    ['is that of the path item', server('/v1'), server('https://up.example.com/u'), '/u/a', ['other-server']],
    ['is the first of several', { servers: [{ url: '/v1' }, { url: '/v2' }] }, {}, '/v1/a', ['other-server']],
  ];
  for (const [sentence, root, item, path, codes = []] of rows) {
    test(sentence, () => {
      assert.deepEqual(say(descriptionOf({ '/a': { ...get(), ...item } }, root)), [`GET ${path} read`, ...codes]);
    });
  }

  test('may be another, behind a prefix that is cut off', () => {
    const { drafts } = importText(descriptionOf({ '/a': get() }, server('/v1')), {
      prefix: '/shop',
      host: 'x.example',
    });
    const [route] = configured(drafts).routes;
    assert.deepEqual([route?.path, route?.strip_prefix, route?.host], ['/shop/v1/a', '/shop', 'x.example']);
  });
});

describe('routes', () => {
  const WRITE = [{ oauth: ['write'] }];
  const rows: [sentence: string, paths: object, said: string[]][] = [
    [
      'are one for methods with the same scopes, however they are written',
      { '/a': { post: { security: READ }, get: { security: READ }, put: { security: WRITE } } },
      ['GET,POST /a read', 'PUT /a write'],
    ],
    [
      'are one for a path whose names differ',
      { '/a/{id}': get(), '/a/{key}': { put: { security: READ } } },
      ['GET,PUT /a/{id} read'],
    ],
    [
      'need the scopes of both operations that cannot be told apart',
      { '/f/{id}': get(), '/f/{n}.js': get(WRITE) },
      ['GET /f/{id} read write', 'broadened-path', 'shared-route'],
    ],
    [
      'are not public for one of the two',
      { '/f/{id}': get([]), '/f/{n}.js': get(WRITE) },
      ['GET /f/{id} write', 'broadened-path', 'public-operation', 'shared-route'],
    ],
    [
      'take paths with and without a slash at the end together',
      { '/a': get(), '/a/': { post: { security: WRITE } }, '/a/{id}': get() },
      ['GET /a/** read', 'POST /a/** write', 'GET /a/{id} read', 'broadened-path'],
    ],
    [
      'have HEAD and OPTIONS as they are',
      { '/a': { head: { security: READ }, options: { security: [] } } },
      ['HEAD /a read', 'OPTIONS /a public', 'public-operation'],
    ],
    ['have no TRACE', { '/a': { trace: { security: READ }, ...get() } }, ['GET /a read', 'operation-left-out']],
    ['have nothing of extensions', { 'x-a': 7, '/a': { 'x-b': { a: 1 }, parameters: [], ...get() } }, ['GET /a read']],
  ];
  for (const [sentence, paths, said] of rows) test(sentence, () => assert.deepEqual(say(descriptionOf(paths)), said));

  test('are read through references and aliases', () => {
    const text = `
openapi: 3.0.3
components:
  securitySchemes: { oauth: { $ref: "#/components/x/a~1b" }, x: { type: http } }
  x: { a/b: { type: oauth2 } }
paths:
  /a: &item { get: { security: &read [{ oauth: [read] }] }, post: { security: *read } }
  /b: *item
  /c: { $ref: "#/paths/~1a", put: { security: *read } }
`;
    assert.deepEqual(say(text), ['GET,POST /a read', 'GET,POST /b read', 'GET,POST,PUT /c read']);
  });

  test('are read from JSON, with tabs too', () => {
    const text = JSON.stringify({ openapi: '3.0.0', paths: { '/a': get([{ x: ['read'] }]) } }, undefined, '\t');
    assert.deepEqual(say(text), ['GET /a read', 'unknown-scheme']);
  });

  test('say where they come from', () => {
    const text = descriptionOf({ '/a/{b}.c': get(READ, { operationId: 'see\nit' }) });
    assert.match(importText(text).yaml, /^# see.it\n# GET \/a\/\{b\}\.c: .*\n- path: \/a\/\{b_c\}\n/);
  });
});

describe('a description is refused', () => {
  const rows: [sentence: string, text: string, places: string[]][] = [
    ['for being Swagger 2.0', 'swagger: "2.0"\npaths: {}\n', ['1:10']],
    ['for being of a version to come', 'openapi: 4.0.0\n', ['1:10']],
    ['for being none', 'routes: []\n', ['1:1']],
    ['for being empty', '', ['1:1']],
    ['for broken YAML, at the bracket that is not closed', 'openapi: 3.1.0\npaths: [\n', ['2:8']],
    ['for nesting without end', `openapi: 3.1.0\nx: ${'['.repeat(5000)}`, []],
    ['for what is no mapping', 'openapi: 3.1.0\npaths: []\n', ['2:8']],
    ['for a path without a slash', 'openapi: 3.1.0\npaths:\n  a: {}\n', ['3:3']],
    ['for the same path twice', 'openapi: 3.1.0\npaths:\n  /a: {}\n  /a: {}\n', ['4:3']],
    ['for merge keys', 'openapi: 3.1.0\npaths:\n  /a: { <<: { get: {} } }\n', ['3:9']],
    ['for a scope that is none', descriptionOf({ '/a': get([{ oauth: ['a b'] }]) }), ['25:15']],
    ['for references to other files', 'openapi: 3.1.0\npaths:\n  /a: { $ref: other.yaml }\n', ['3:15']],
    ['for references to nothing', 'openapi: 3.1.0\npaths:\n  /a: { $ref: "#/x" }\n', ['3:15']],
    ['for references in circles', 'openapi: 3.1.0\npaths:\n  /a: { $ref: "#/paths/~1a" }\n', ['3:3']],
    ['for aliases in circles', 'openapi: 3.1.0\npaths:\n  /a: &a { get: { security: [*a] } }\n', []],
    ['with all that is wrong at once', 'openapi: 3.1.0\npaths:\n  a: {}\n  /b: []\n', ['3:3', '4:3']],
  ];
  for (const [sentence, text, places] of rows) {
    test(sentence, () => {
      const file = writeTemporary('openapi.yaml', text);
      assert.throws(
        () => readOperations(readDescription(file)),
        (error) => {
          assert.ok(error instanceof ConfigError);
          const found = error.problems.map(({ position }) => `${position.line}:${position.column}`);
          if (places.length > 0) assert.deepEqual(found, places);
          return true;
        },
      );
    });
  }

  test('for more operations than any API has', () => {
    const one = '  /: &all { get: {}, put: {}, post: {}, delete: {}, options: {}, head: {}, patch: {} }\n';
    const others = Array.from({ length: 1500 }, (_, index) => `  /${index}: *all\n`);
    const file = writeTemporary('openapi.yaml', `openapi: 3.1.0\npaths:\n${one}${others.join('')}`);
    assert.throws(() => readOperations(readDescription(file)), ConfigError);
  });
});

test('the Petstore is imported', () => {
  const { yaml, codes } = importText(readFileSync('test/openapi/petstore.yaml', 'utf8'), { upstream: 'petstore' });
  assert.equal(yaml, readFileSync('test/openapi/petstore.routes.yaml', 'utf8'));
  assert.deepEqual(codes, ['broadened-path', 'foreign-scheme', 'narrowed-security', 'public-operation']);
});
