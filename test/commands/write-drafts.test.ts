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

const read = { security: [{ oauth: ['read'] }] };
const PATHS = {
  '/a': { get: { security: [{ oauth: ['admin'] }] }, post: read },
  '/b/{id}': { get: read },
  '/token': { post: { security: [] } },
};

function folder() {
  const openapi = writeTemporary('openapi.yaml', descriptionOf(PATHS));
  const gateway = join(dirname(openapi), 'gateway.yaml');
  writeFileSync(gateway, CONFIG + ROUTES, { mode: 0o640 });
  writeFileSync(join(dirname(openapi), 'users.yaml'), '{}\n', { mode: 0o600 });
  return { openapi, gateway };
}

describe('postern import', () => {
  test('adds what is not there, and leaves every line that is', async () => {
    const { openapi, gateway } = folder();
    chmodSync(gateway, 0o640);
    const { code, stdout, stderr } = await postern(['import', openapi, '--upstream', 'api', '--into', gateway]);
    assert.deepEqual([code, stdout], [0, `${gateway}: 2 of 4 routes added\n`]);
    const added =
      '  - path: /a\n    methods: [POST]\n    scopes: [read]\n    upstream: api\n  - path: /b/{id}\n    methods: [GET]\n    scopes: [read]\n    upstream: api\n';
    assert.equal(
      readFileSync(gateway, 'utf8'),
      CONFIG + ROUTES.replace('    upstream: api\n', `    upstream: api\n${added}`),
    );
    assert.deepEqual([...stderr.matchAll(/\[([\w-]+)\]$/gm)].map(([, name]) => name).sort(), [
      'other-scopes',
      'own-endpoint',
      'public-operation',
    ]);
    assert.equal(statSync(gateway).mode & 0o777, 0o640);
    assert.deepEqual(readdirSync(dirname(gateway)).sort(), ['gateway.yaml', 'openapi.yaml', 'users.yaml']);
    assert.equal((await postern(['check', gateway])).code, 0);
  });

  test('adds nothing the second time', async () => {
    const { openapi, gateway } = folder();
    const again = () => postern(['import', openapi, '--upstream', 'api', '--into', gateway]);
    await again();
    const text = readFileSync(gateway, 'utf8');
    assert.equal((await again()).stdout, `${gateway}: 0 of 4 routes added\n`);
    assert.equal(readFileSync(gateway, 'utf8'), text);
  });

  test('leaves a symbolic link what it is', async () => {
    const { openapi, gateway } = folder();
    renameSync(gateway, `${gateway}.real`);
    symlinkSync('gateway.yaml.real', gateway);
    await postern(['import', openapi, '--upstream', 'api', '--into', gateway]);
    assert.ok(lstatSync(gateway).isSymbolicLink());
    assert.equal(readConfig(`${gateway}.real`).routes.length, 3);
  });

  test('prints routes without --into', async () => {
    const { openapi, gateway } = folder();
    const { code, stdout } = await postern(['import', openapi, '--upstream', 'api']);
    assert.equal(code, 0);
    writeFileSync(gateway, CONFIG + stdout.replace('/token', '/other'));
    assert.equal(readConfig(gateway).routes.length, 4);
  });

  const refused: [sentence: string, args: string[], more?: string][] = [
    ['an upstream that is not there', ['--upstream', 'apu']],
    ['a prefix that is none', ['--upstream', 'api', '--prefix', 'shop']],
    ['a configuration with a mistake', ['--upstream', 'api'], 'lgo: {}\n'],
  ];
  for (const [sentence, args, more = ''] of refused) {
    test(`refuses ${sentence}, and changes nothing`, async () => {
      const { openapi, gateway } = folder();
      writeFileSync(gateway, CONFIG + ROUTES + more);
      const { code } = await postern(['import', openapi, ...args, '--into', gateway]);
      assert.equal(code, 2);
      assert.equal(readFileSync(gateway, 'utf8'), CONFIG + ROUTES + more);
    });
  }
});

describe('postern learn', () => {
  const log = ['GET /a', 'GET /b/7', 'POST /b', 'GET /nothing']
    .map((request) => `- - - [now] "${request} HTTP/1.1" ${request.endsWith('nothing') ? 404 : 200} 1\n`)
    .join('');

  test('adds drafts for what has no route yet, from standard input', async () => {
    const { gateway } = folder();
    const { code, stdout, stderr } = await postern(['learn', '-', '--upstream', 'api', '--into', gateway], log);
    assert.deepEqual([code, stdout], [0, `${gateway}: 2 of 3 routes added\n`]);
    assert.match(stderr, /1 requests were not answered with success/);
    assert.match(
      readFileSync(gateway, 'utf8'),
      /^ {2}# 1 POST\n {2}- path: \/b\n(?: {4}.*\n)*? {4}scopes: \[b\.write\] # review: .*$/m,
    );
    assert.equal((await postern(['check', gateway])).code, 0);
  });

  test('prints drafts from a file', async () => {
    const { code, stdout } = await postern(['learn', writeTemporary('access.log', log), '--upstream', 'api']);
    assert.equal(code, 0);
    assert.match(stdout, /^routes:\n {2}# 1 GET\n {2}- path: \/a\n/);
  });

  test('fails for a file that is not there', async () => {
    assert.equal((await postern(['learn', '/nowhere/access.log', '--upstream', 'api'])).code, 1);
  });
});
