import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';

Object.assign(process.env, {
  DB_PASSWORD: 'secret',
  LDAP_PASSWORD: 'secret',
  AD_PASSWORD: 'secret',
  SSO_CLIENT_SECRET: 'secret',
});

/** What a block needs to be a whole gateway.yaml, where it does not have it itself. */
const REST = [
  'tokens: { issuer: https://api.example.com, audience: https://api.example.com }',
  'clients: [{ id: app, auth: none, grants: [password, refresh_token], scopes: [] }]',
  'upstreams: {}',
  'routes: []',
];

const directory = mkdtempSync(join(tmpdir(), 'postern-documentation-'));
after(() => rmSync(directory, { recursive: true }));

const blocks = [...readFileSync('docs/users.md', 'utf8').matchAll(/```yaml\n([^`]+)```/g)].map(
  ([, block = '']) => block,
);

test('every configuration in docs/users.md is sound, and every kind of store has one', () => {
  const types = blocks.flatMap((block, index) => {
    const file = join(directory, `${index}.yaml`);
    const missing = REST.filter((line) => !block.includes(`\n${line.split(':', 1)}:`));
    writeFileSync(file, [block, ...missing].join('\n'));
    return Object.values(loadConfig(file).users).map(({ type }) => type);
  });
  assert.deepEqual([...new Set(types)].sort(), ['file', 'ldap', 'legacy_login', 'module', 'oauth', 'sql']);
});
