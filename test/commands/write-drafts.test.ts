import assert from 'node:assert/strict';
import {
  chmodSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { addDrafts } from '../../src/commands/add-drafts.ts';
import { refuseBadPlace } from '../../src/commands/api-place.ts';
import { BadUsage } from '../../src/commands/bad-usage.ts';
import { examine } from '../../src/commands/check.ts';
import type { Draft } from '../../src/drafts/draft.ts';
import { readConfig } from '../../src/gateway.ts';
import { CONFIG, descriptionOf, writeTemporary } from '../openapi/described.ts';
import { postern } from '../support/cli.ts';

const ROUTES = `# Ours.
routes:
  - path: /a   # kept
    methods: [GET]
    scopes: [ "read" ]
    upstream: api

log: { level: info }  # the last
`;

/** @returns its gateway.yaml */
function folder(): string {
  const gateway = writeTemporary('gateway.yaml', CONFIG + ROUTES);
  chmodSync(gateway, 0o640);
  writeFileSync(join(dirname(gateway), 'users.yaml'), '{}\n', { mode: 0o600 });
  return gateway;
}

const READ = { public: false, scopes: ['read'], any_scope: [], upstream: 'api', comments: [] };
const DRAFTS: readonly Draft[] = [
  { ...READ, path: '/a', methods: ['GET'], scopes: ['admin'] },
  { ...READ, path: '/a', methods: ['POST', 'GET'] },
  { ...READ, path: '/b/{id}', methods: ['GET'] },
  { ...READ, path: '/token', methods: ['POST'] },
];
const ADDED =
  '  - path: /a\n    methods: [POST]\n    scopes: [read]\n    upstream: api\n' +
  '  - path: /b/{id}\n    methods: [GET]\n    scopes: [read]\n    upstream: api\n';

describe('drafts are added to a configuration', () => {
  test('where they are not there yet, and every line that is stays', async () => {
    const gateway = folder();
    const { notes } = addDrafts(DRAFTS, gateway, 'api');
    const after = ROUTES.replace('    upstream: api\n', `    upstream: api\n${ADDED}`);
    assert.equal(readFileSync(gateway, 'utf8'), CONFIG + after);
    assert.deepEqual(
      notes.map(({ code }) => code),
      ['other-scopes', 'existing-route', 'own-endpoint'],
    );
    assert.equal(statSync(gateway).mode & 0o777, 0o640);
    assert.deepEqual(readdirSync(dirname(gateway)).sort(), ['gateway.yaml', 'users.yaml']);
    assert.equal((await examine(gateway)).result, 'sound');
  });

  test('but not a second time', () => {
    const gateway = folder();
    addDrafts(DRAFTS, gateway, 'api');
    const text = readFileSync(gateway, 'utf8');
    assert.deepEqual(addDrafts(DRAFTS, gateway, 'api').added, []);
    assert.equal(readFileSync(gateway, 'utf8'), text);
  });

  test('which stays a symbolic link if it is one', () => {
    const gateway = folder();
    const real = writeTemporary('real.yaml', '');
    renameSync(gateway, real);
    symlinkSync(real, gateway);
    addDrafts(DRAFTS, gateway, 'api');
    assert.ok(lstatSync(gateway).isSymbolicLink());
    assert.ok(readFileSync(real, 'utf8').includes(ADDED));
  });

  const refused: [sentence: string, upstream: string, drafts: readonly Draft[], more: string][] = [
    ['its upstream is not there', 'apu', DRAFTS, ''],
    ['the configuration has a mistake', 'api', DRAFTS, 'lgo: {}\n'],
    ['it would have one then', 'api', [{ ...READ, path: '/x y', methods: ['GET'] }], ''],
  ];
  for (const [sentence, upstream, drafts, more] of refused) {
    test(`unless ${sentence}: then nothing changes`, () => {
      const gateway = folder();
      writeFileSync(gateway, CONFIG + ROUTES + more);
      assert.throws(
        () => addDrafts(drafts, gateway, upstream),
        (error: Error) => error instanceof BadUsage || error.message.includes(`${gateway}:`),
      );
      assert.equal(readFileSync(gateway, 'utf8'), CONFIG + ROUTES + more);
    });
  }
});

test('postern import adds the routes of a description', async () => {
  const gateway = folder();
  const paths = { '/a': { post: { security: [{ oauth: ['read'] }] } }, '/b/{id}': { get: { security: [] } } };
  const openapi = writeTemporary('openapi.yaml', descriptionOf(paths));
  const args = ['import', openapi, '--upstream', 'api', '--prefix', '/shop', '--into', gateway];
  const { code, stdout, stderr } = await postern(args);
  assert.deepEqual([code, stdout], [0, `${gateway}: 2 of 2 routes added\n`]);
  assert.match(stderr, /^.*:\d+:\d+: warning: .* \[public-operation\]\n$/);
  assert.deepEqual(
    readConfig(gateway).routes.map(({ path }) => path),
    ['/a', '/shop/a', '/shop/b/{id}'],
  );
});

test('an API is looked for where one can be', () => {
  for (const place of [{ prefix: 'shop' }, { prefix: '/' }, { basePath: '/v1/' }, { host: 'a b' }]) {
    assert.throws(() => refuseBadPlace(place), BadUsage);
  }
  refuseBadPlace({ prefix: '/shop', basePath: '', host: 'api.example.com' });
});

test('postern learn prints drafts from standard input, and says what it has left out', async () => {
  const log = ['GET /a', 'GET /b/7', 'POST /b', 'GET /nothing']
    .map((request) => `- - - [now] "${request} HTTP/1.1" ${request.endsWith('nothing') ? 404 : 200} 1\n`)
    .join('');
  const { code, stdout, stderr } = await postern(['learn', '-', '--upstream', 'api'], log);
  assert.equal(code, 0);
  assert.match(stderr, /^-: 3 routes\n {2}left out: 1 requests without success\n$/);
  assert.match(stdout, /^ {2}# 1 POST\n {2}- path: \/b\n(?: {4}.*\n)*? {4}scopes: \[b\.write\] # review: .*$/m);
  const gateway = writeTemporary('gateway.yaml', CONFIG + stdout);
  assert.equal(readConfig(gateway).routes.length, 3);
});
