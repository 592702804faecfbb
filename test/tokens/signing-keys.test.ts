import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { readKeysDirectory } from '../../src/tokens/keys-directory.ts';
import { readStoredKeys } from '../../src/tokens/stored-keys.ts';
import { stores } from '../support/stores.ts';

for (const { name, open } of stores) {
  test(`gateways that start at once on ${name} agree on one key, and so does one that starts later`, async () => {
    const sets = await Promise.all(Array.from({ length: 4 }, () => readStoredKeys(open(), 'ES256')));
    const later = await readStoredKeys(open(), 'ES256');
    const kids = new Set([...sets, later].map(({ signing }) => signing.kid));
    assert.equal(kids.size, 1);
    assert.deepEqual(later.jwks, sets[0]?.jwks);
  });
}

describe('keys_dir', () => {
  const emptyDirectory = () => join(mkdtempSync(join(tmpdir(), 'postern-keys-')), 'keys');

  test('gets its first key, for its owner alone, and keeps it', async () => {
    const directory = emptyDirectory();
    const first = await readKeysDirectory(directory, 'ES256');
    assert.deepEqual(readdirSync(directory), [`${first.signing.kid}.pem`]);
    assert.equal(statSync(join(directory, `${first.signing.kid}.pem`)).mode & 0o777, 0o600);
    assert.equal((await readKeysDirectory(directory, 'ES256')).signing.kid, first.signing.kid);
  });

  test('signs with the last by name, and publishes all, older algorithms too', async () => {
    const directory = emptyDirectory();
    const old = await readKeysDirectory(directory, 'RS256');
    const other = emptyDirectory();
    const { signing } = await readKeysDirectory(other, 'EdDSA');
    writeFileSync(join(directory, 'zz-new.pem'), readFileSync(join(other, `${signing.kid}.pem`)));
    const both = await readKeysDirectory(directory, 'EdDSA');
    assert.equal(both.signing.kid, 'zz-new');
    assert.equal(both.signing.publicJwk.x, signing.publicJwk.x);
    assert.deepEqual([...both.byId.keys()].sort(), [old.signing.kid, 'zz-new'].sort());
  });

  const rows: [sentence: string, name: string, content: string][] = [
    ['a file that is no key', 'a.pem', 'hello'],
    [
      'a JWK that is public',
      'a.jwk',
      '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}',
    ],
    ['a symmetric key', 'a.jwk', '{"kty":"oct","k":"c2VjcmV0"}'],
  ];
  for (const [sentence, name, content] of rows) {
    test(`refuses ${sentence}, and names it`, async () => {
      const directory = mkdtempSync(join(tmpdir(), 'postern-keys-'));
      writeFileSync(join(directory, name), content);
      await assert.rejects(readKeysDirectory(directory, 'EdDSA'), (error: Error) => error.message.includes(name));
    });
  }
});
