import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { type CheckOptions, examine } from '../../src/commands/check.ts';
import { isWarning } from '../../src/config/problem.ts';
import { postern } from '../support/cli.ts';
import { CONFIG, descriptionOf, writeTemporary } from './described.ts';

const OTHER = '  other: { targets: ["http://127.0.0.1:9001"] }\n';
const ROUTES = CONFIG.split('\n').length + 2; // The line of the first route.

/** A folder with a configuration that has these routes, a line each, and a description beside it. */
function folderOf(routes: readonly string[], description: string) {
  const against = writeTemporary('openapi.yaml', description);
  const file = join(dirname(against), 'gateway.yaml');
  const lines = routes.map((route) => `  - ${route}\n`).join('');
  writeFileSync(file, `${CONFIG}${OTHER}routes:${lines ? `\n${lines}` : ' []\n'}`);
  writeFileSync(join(dirname(against), 'users.yaml'), '{}\n', { mode: 0o600 });
  return { file, against };
}

/** What `--against` is about, as `code route 1` or `code openapi.yaml`; an error has an exclamation mark. */
async function say(
  routes: readonly string[],
  description: string,
  where: Partial<CheckOptions> = {},
): Promise<string[]> {
  const { file, against } = folderOf(routes, description);
  const { problems } = await examine(file, { against, ...where });
  return problems
    .filter(({ code }) => code?.includes('operation'))
    .map((problem) => {
      const { file: at, line } = problem.position;
      return `${isWarning(problem) ? '' : '!'}${problem.code} ${at === file ? `route ${line - ROUTES + 1}` : 'openapi.yaml'}`;
    });
}

const security = (...alternatives: object[]) => ({ security: alternatives });
const READ = security({ oauth: ['read'] });
const route = (path: string, more: string) => `{ path: "${path}", ${more}, upstream: api }`;

describe('check --against says', () => {
  const rows: [sentence: string, routes: string[], paths: object, said: string[]][] = [
    ['nothing where all agrees', [route('/a/{x}', 'methods: [GET], scopes: [read]')], { '/a/{id}': { get: READ } }, []],
    ['that an operation has no route', [], { '/a': { get: READ } }, ['operation-without-route openapi.yaml']],
    [
      'that an operation has none for its method',
      [route('/a', 'methods: [GET], scopes: [read]')],
      { '/a': { get: READ, put: READ } },
      ['operation-without-route openapi.yaml'],
    ],
    [
      'that no request can be for an operation',
      [],
      { '/a//b': { get: READ } },
      ['operation-without-route openapi.yaml'],
    ],
    [
      'that a route is public, and should not be',
      [route('/a', 'public: true')],
      { '/a': { get: READ } },
      ['!operation-public route 1'],
    ],
    [
      'so too where only the API knows whom it lets in',
      [route('/a', 'public: true')],
      { '/a': { get: security({ key: [] }) } },
      ['!operation-public route 1'],
    ],
    [
      'that a route needs a token, and the operation none',
      [route('/a', 'scopes: [read]')],
      { '/a': { get: security() } },
      ['operation-needs-token route 1'],
    ],
    [
      'nothing where nothing is said of an operation',
      [route('/a', 'scopes: [read]'), route('/b', 'public: true')],
      { '/a': { get: {} }, '/b': { get: {} } },
      [],
    ],
    [
      'that a scope lacks',
      [route('/a', 'scopes: [read]')],
      { '/a': { get: security({ oauth: ['read', 'write'] }) } },
      ['!operation-underprotected route 1'],
    ],
    [
      'that any token is enough',
      [route('/a', 'methods: [GET]')],
      { '/a': { get: READ } },
      ['!operation-underprotected route 1'],
    ],
    [
      'that another scope is asked for',
      [route('/a', 'scopes: [write]')],
      { '/a': { get: READ } },
      ['!operation-underprotected route 1'],
    ],
    [
      'that one of the alternatives is none',
      [route('/a', 'any_scope: [read, write]')],
      { '/a': { get: READ } },
      ['!operation-underprotected route 1'],
    ],
    [
      'that a route asks for more',
      [route('/a', 'scopes: [read, write]')],
      { '/a': { get: READ } },
      ['operation-overprotected route 1'],
    ],
    [
      'that an alternative is missing',
      [route('/a', 'scopes: [read]')],
      { '/a': { get: security({ oauth: ['read'] }, { oauth: ['write'] }) } },
      ['operation-overprotected route 1'],
    ],
    [
      'nothing where alternatives are in another order',
      [route('/a', 'scopes: [c], any_scope: [b, a]')],
      { '/a': { get: security({ oauth: ['a', 'c'] }, { oauth: ['c', 'b'] }) } },
      [],
    ],
    [
      'which routes of its upstreams have no operation',
      [
        route('/a', 'scopes: [read]'),
        route('/a/secret', 'public: true'),
        '{ path: /c, public: true, upstream: other }',
      ],
      { '/a': { get: READ } },
      ['route-without-operation route 2'],
    ],
    [
      'what the most specific route does, and not another',
      [route('/a/**', 'scopes: [read]'), route('/a/b', 'public: true')],
      { '/a/b': { get: READ }, '/a/{x}': { get: READ } },
      ['!operation-public route 2'],
    ],
    [
      'nothing of what a comment silences',
      [`${route('/a', 'scopes: [read]')} # postern-ignore: operation-needs-token`],
      { '/a': { get: security() } },
      [],
    ],
    [
      'errors, whatever a comment says',
      [`${route('/a', 'public: true')} # postern-ignore: operation-public`],
      { '/a': { get: READ } },
      ['!operation-public route 1'],
    ],
  ];
  for (const [sentence, routes, paths, said] of rows) {
    test(sentence, async () => assert.deepEqual(await say(routes, descriptionOf(paths)), said));
  }

  test('nothing where the gateway has the API elsewhere, once it is told', async () => {
    const moved = '{ path: /shop/v1/a, strip_prefix: /shop, scopes: [read], host: x.example, upstream: api }';
    const text = descriptionOf({ '/a': { get: READ } }, { servers: [{ url: '/old' }] });
    assert.deepEqual(await say([moved], text), ['operation-without-route openapi.yaml']);
    assert.deepEqual(await say([moved], text, { prefix: '/shop', basePath: '/v1', host: 'x.example' }), []);
  });
});

test('check --against ends with 2 for an operation that is open, with its code in all formats', async () => {
  const { file, against } = folderOf([route('/a', 'public: true')], descriptionOf({ '/a': { get: READ } }));
  const run = (...options: string[]) => postern(['check', file, '--against', against, ...options]);
  const [lines, json, sarif, github] = await Promise.all([
    run(),
    run('--format', 'json'),
    run('--format', 'sarif'),
    run('--format', 'github'),
  ]);
  assert.deepEqual(
    [lines, json, sarif, github].map(({ code }) => code),
    [2, 2, 2, 2],
  );
  assert.match(lines.stderr, new RegExp(`:${ROUTES}:5: .* \\[operation-public\\]\n`));
  const isOpen = (one: { code?: string; ruleId?: string }) => (one.code ?? one.ruleId) === 'operation-public';
  assert.equal(JSON.parse(json.stdout).problems.find(isOpen).severity, 'error');
  assert.equal(JSON.parse(sarif.stdout).runs[0].results.find(isOpen).level, 'error');
  assert.match(github.stdout, /^::error .*title=operation-public::/m);
});

test('check --against ends with 2 for a description that is none', async () => {
  const { file, against } = folderOf([], 'swagger: "2.0"\n');
  const { code, stderr } = await postern(['check', file, '--against', against]);
  assert.equal(code, 2);
  assert.match(stderr, /openapi\.yaml:1:10: /);
});
