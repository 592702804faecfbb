import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { RedisStore } from '../../src/store/redis.ts';
import type { Algorithm } from '../../src/tokens/key-set.ts';
import type { KeySource } from '../../src/tokens/key-source.ts';
import { KeysDirectory } from '../../src/tokens/keys-directory.ts';
import { SigningKeys } from '../../src/tokens/signing-keys.ts';
import { StoredKeys } from '../../src/tokens/stored-keys.ts';
import { startRedis } from '../support/redis.ts';

const OVERLAP_MS = 200;
/** Longer than it takes until the keys are read again. */
const READ_AGAIN_MS = 120;
const POLICY = { algorithm: 'ES256', rotate_every: 3_600_000, overlap: OVERLAP_MS, tokensLiveMs: 60_000 } as const;
const NOTHING = { now: false, withdrawOthers: false };

function open(context: TestContext, source: KeySource) {
  const changes: string[] = [];
  const problems: string[] = [];
  const keys = new SigningKeys(source, OVERLAP_MS, {
    onChange: ({ signing, byId }) => changes.push(`${signing.kid} of ${byId.size}`),
    onProblem: ({ message }) => problems.push(message),
  });
  context.after(() => keys.close());
  return { keys, changes, problems };
}

function emptyKeysDirectory(algorithm: Algorithm = 'ES256') {
  const directory = mkdtempSync(join(tmpdir(), 'postern-keys-'));
  return { directory, source: new KeysDirectory(directory, { algorithm, overlap: OVERLAP_MS }) };
}

test('a first key is made while the gateway starts, and who needs it waits for it', async (context) => {
  const { directory, source } = emptyKeysDirectory('RS256');
  const { keys, problems } = open(context, source);
  await keys.open();
  assert.equal(keys.loaded, undefined);
  const { signing } = await keys.load();
  assert.deepEqual(readdirSync(directory), [`${signing.kid}.pem`]);
  assert.deepEqual(problems, []);
});

test('a first key that cannot be kept is told, and made again', async (context) => {
  const { directory, source } = emptyKeysDirectory('RS256');
  const { keys, problems } = open(context, source);
  await keys.open();
  rmdirSync(directory);
  symlinkSync(`${directory}-unmounted`, directory); // Fails alike before the key is made and after.
  await assert.rejects(keys.load(), { code: 'ENOENT' });
  assert.equal(problems.length, 1);
  rmSync(directory);
  assert.equal((await keys.load()).byId.size, 1);
});

test('keys that are there are read before the gateway starts, and a place that cannot have any is an error', async (context) => {
  const { directory, source } = emptyKeysDirectory();
  await source.refresh();
  const { keys } = open(context, source);
  await keys.open();
  assert.equal(keys.loaded?.byId.size, 1);
  const noFolder = new KeysDirectory(join(directory, `${keys.loaded?.signing.kid}.pem`), POLICY);
  await assert.rejects(open(context, noFolder).keys.open(), { code: 'ENOTDIR' });
});

test('keys are read again without being asked for, and changes are told', async (context) => {
  const { source } = emptyKeysDirectory();
  const { keys, changes, problems } = open(context, source);
  const first = (await keys.load()).signing.kid;
  const second = await source.rotate({ ...NOTHING, withdrawOthers: true });
  await delay(READ_AGAIN_MS);
  assert.equal(keys.loaded?.signing.kid, second.kid);
  assert.deepEqual(changes, [`${first} of 1`, `${second.kid} of 1`]);
  assert.deepEqual(problems, []);
});

test('a key that cannot be read is told once, and again when it is back after it was mended', async (context) => {
  const { directory, source } = emptyKeysDirectory();
  const { keys, problems } = open(context, source);
  const { signing } = await keys.load();
  const bad = join(directory, 'zz.pem');
  for (const told of [1, 2]) {
    writeFileSync(bad, 'hello');
    await delay(2 * READ_AGAIN_MS);
    assert.deepEqual(problems, Array(told).fill(`${bad}: not a private key for ES256`));
    assert.equal(keys.loaded?.signing, signing);
    rmSync(bad);
    await delay(READ_AGAIN_MS);
  }
});

test('nothing is read any more once they are closed', async (context) => {
  const { source } = emptyKeysDirectory();
  const { keys, changes } = open(context, source);
  await keys.load();
  await keys.close();
  await source.rotate({ ...NOTHING, withdrawOthers: true });
  await delay(READ_AGAIN_MS);
  assert.equal(changes.length, 1);
});

test('with the store out, the next key takes over; a store that is out at first is asked again', async (context) => {
  const redis = await startRedis();
  const source = (key_prefix = 'test') => {
    const store = new RedisStore({ redis: redis.url, key_prefix, timeout: 300 });
    context.after(() => store.close());
    return new StoredKeys(store, POLICY);
  };
  const running = open(context, source());
  const { signing } = await running.keys.load();
  const next = await source().rotate(NOTHING);
  await delay(READ_AGAIN_MS);
  assert.equal(running.keys.loaded?.signing, signing);
  assert.equal(running.keys.loaded?.byId.size, 2);

  await redis.stop();
  const starting = open(context, source('other'));
  const loaded = () => starting.keys.loaded;
  await assert.rejects(starting.keys.load(), { code: 'temporarily_unavailable' });
  await delay(OVERLAP_MS + READ_AGAIN_MS);
  assert.equal(running.keys.loaded?.signing.kid, next.kid);
  assert.equal(loaded(), undefined);

  const again = await startRedis(redis.port);
  context.after(again.stop);
  await delay(1200);
  assert.equal(loaded()?.byId.size, 1);
  assert.equal(running.keys.loaded?.signing.kid, next.kid, 'this Redis is empty, and that ends no key');
});
