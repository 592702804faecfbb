import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { withCause } from '../../src/errors.ts';
import type { Algorithm } from '../../src/tokens/key-set.ts';
import { KeysDirectory } from '../../src/tokens/keys-directory.ts';

const HOUR = 3_600_000;
const NOTHING = { now: false, withdrawOthers: false };

const emptyDirectory = () => join(mkdtempSync(join(tmpdir(), 'postern-keys-')), 'keys');

async function opened(directory: string, algorithm: Algorithm = 'ES256') {
  const keys = new KeysDirectory(directory, { algorithm, overlap: HOUR });
  await keys.refresh();
  return keys;
}

/** The PEM of a key that some directory was given. */
async function anyPem(algorithm: Algorithm = 'ES256'): Promise<string> {
  const directory = emptyDirectory();
  const { signing } = (await opened(directory, algorithm)).current();
  return readFileSync(join(directory, `${signing.kid}.pem`), 'utf8');
}

const states = async (keys: KeysDirectory) => (await keys.list()).map(({ key, state }) => `${key.kid} ${state}`);

describe('keys_dir', () => {
  test('gets its first key, for its owner alone, and keeps it', async () => {
    const directory = emptyDirectory();
    const { signing } = (await opened(directory)).current();
    assert.deepEqual(readdirSync(directory), [`${signing.kid}.pem`]);
    assert.equal(statSync(join(directory, `${signing.kid}.pem`)).mode & 0o777, 0o600);
    assert.equal((await opened(directory)).current().signing.kid, signing.kid);
  });

  test('signs with the last by name, and publishes all, older algorithms too', async () => {
    const directory = emptyDirectory();
    const old = (await opened(directory, 'RS256')).current().signing;
    writeFileSync(join(directory, 'zz-new.pem'), await anyPem('EdDSA'));
    const both = (await opened(directory, 'EdDSA')).current();
    assert.equal(both.signing.kid, 'zz-new');
    assert.deepEqual([...both.byId.keys()], [old.kid, 'zz-new']);
  });

  test('is read again, and the keys that stayed are the same objects', async () => {
    const directory = emptyDirectory();
    const keys = await opened(directory);
    const { signing } = keys.current();
    writeFileSync(join(directory, 'new.pem'), await anyPem());
    await keys.refresh();
    assert.equal(keys.current().signing.kid, 'new');
    assert.equal(keys.current().byId.get(signing.kid), signing);
    rmSync(join(directory, `${signing.kid}.pem`));
    await keys.refresh();
    assert.deepEqual([...keys.current().byId.keys()], ['new']);
  });

  test('publishes a key whose name begins with a time, and signs with it from then on', async () => {
    const directory = emptyDirectory();
    const keys = await opened(directory);
    const { kid } = keys.current().signing;
    writeFileSync(join(directory, '29990101T000000Z-a.pem'), await anyPem());
    await keys.refresh();
    assert.equal(keys.current().signing.kid, kid);
    assert.deepEqual([...keys.current().byId.keys()], [kid, '29990101T000000Z-a']);
    assert.deepEqual(await states(keys), [`${kid} signing`, '29990101T000000Z-a next']);
  });

  const broken: [sentence: string, breakIt: (directory: string, kid: string) => void][] = [
    ['a file that is no key', (directory) => writeFileSync(join(directory, 'zz.pem'), 'hello')],
    ['a file that is too large', (directory) => writeFileSync(join(directory, 'zz.pem'), 'x'.repeat(65_537))],
    ['all files gone', (directory, kid) => rmSync(join(directory, `${kid}.pem`))],
    ['the folder gone', (directory) => rmSync(directory, { recursive: true })],
  ];
  for (const [sentence, breakIt] of broken) {
    test(`keeps the keys it had and makes none with ${sentence}`, async () => {
      const directory = emptyDirectory();
      const keys = await opened(directory);
      const { signing } = keys.current();
      breakIt(directory, signing.kid);
      await assert.rejects(keys.refresh(), (error: Error) => error.message.includes(directory));
      assert.equal(keys.current().signing, signing);
    });
  }

  const refused: [sentence: string, name: string, content: string][] = [
    ['a file that is no key', 'a.pem', 'hello'],
    [
      'a JWK that is public',
      'a.jwk',
      '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}',
    ],
    ['a symmetric key', 'a.jwk', '{"kty":"oct","k":"c2VjcmV0"}'],
  ];
  for (const [sentence, name, content] of refused) {
    test(`refuses ${sentence}, and names it`, async () => {
      const directory = mkdtempSync(join(tmpdir(), 'postern-keys-'));
      writeFileSync(join(directory, name), content);
      await assert.rejects(opened(directory, 'EdDSA'), (error: Error) => error.message.includes(name));
    });
  }

  test('quotes nothing of a file that is no JSON', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'postern-keys-'));
    writeFileSync(join(directory, 'a.jwk'), 'the-secret');
    await assert.rejects(opened(directory), (error: Error) => !withCause(error).includes('secret'));
  });

  test('must have a last key by name that fits the algorithm', async () => {
    const directory = emptyDirectory();
    await opened(directory, 'ES256');
    await assert.rejects(opened(directory, 'EdDSA'), /EdDSA/);
  });
});

describe('rotating keys_dir', () => {
  test('writes a key that is published now and signs later', async () => {
    const directory = emptyDirectory();
    const keys = await opened(directory);
    const { kid } = keys.current().signing;
    const startedAtMs = Date.now();
    const made = await keys.rotate(NOTHING);
    assert.ok(Math.abs(made.signsFromMs - startedAtMs - HOUR) < 10_000);
    assert.equal(statSync(join(directory, `${made.kid}.pem`)).mode & 0o777, 0o600);
    assert.deepEqual(await states(keys), [`${kid} signing`, `${made.kid} next`]);
    await assert.rejects(keys.rotate(NOTHING), (error: Error) => error.message.includes(made.kid));
  });

  test('changes the algorithm: the key of the old one signs until its successor does', async () => {
    const directory = emptyDirectory();
    const { kid } = (await opened(directory, 'ES256')).current().signing;
    await new KeysDirectory(directory, { algorithm: 'EdDSA', overlap: HOUR }).rotate(NOTHING);
    const keys = (await opened(directory, 'EdDSA')).current();
    assert.equal(keys.signing.kid, kid);
    assert.deepEqual(
      keys.jwks.keys.map(({ alg }) => alg),
      ['ES256', 'EdDSA'],
    );
  });

  test('signs at once when told to', async () => {
    const directory = emptyDirectory();
    writeFileSync(join(directory, '..', '20200101T000000Z-old.pem'), await anyPem());
    const keys = await opened(join(directory, '..'));
    const { kid } = await keys.rotate({ ...NOTHING, now: true });
    assert.deepEqual(await states(keys), ['20200101T000000Z-old retiring', `${kid} signing`]);
  });

  test('puts all other files aside when told to', async () => {
    const directory = emptyDirectory();
    const keys = await opened(directory);
    const old = keys.current().signing.kid;
    const { kid } = await keys.rotate({ ...NOTHING, withdrawOthers: true });
    assert.deepEqual(readdirSync(directory).sort(), [`${kid}.pem`, `${old}.pem.withdrawn`].sort());
    await keys.refresh();
    assert.deepEqual([...keys.current().byId.keys()], [kid]);
  });

  test('refuses to make a key that would not sign, for another one is the last by name', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'postern-keys-'));
    writeFileSync(join(directory, 'main.pem'), await anyPem());
    const keys = await opened(directory);
    await assert.rejects(keys.rotate(NOTHING), /main\.pem/);
    assert.deepEqual(readdirSync(directory), ['main.pem']);
  });
});
