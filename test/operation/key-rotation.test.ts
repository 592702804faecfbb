import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { decodeProtectedHeader } from 'jose';
import type { Config } from '../../src/config/schema.ts';
import { postern } from '../support/cli.ts';
import {
  login,
  type RunningGateway,
  redisStore,
  type Settings,
  startGateway,
  startUpstream,
  writeConfiguration,
} from '../support/gateway.ts';

/** Durations that gateway.yaml refuses (gateways read the keys again four times in an `overlap`), and keys that are quickly made. */
const withOverlap =
  (overlap: number, rotate_every: number) =>
  (config: Config): Config => {
    const signing = { ...config.tokens.signing, algorithm: 'ES256' as const, overlap, rotate_every };
    return { ...config, tokens: { ...config.tokens, signing } };
  };

async function kidsOf(gateway: RunningGateway): Promise<string[]> {
  const { keys } = (await (await fetch(`${gateway.url}/.well-known/jwks.json`)).json()) as { keys: { kid: string }[] };
  return keys.map(({ kid }) => kid);
}

async function tokenOf(gateway: RunningGateway): Promise<{ token: string; kid: string | undefined }> {
  const { access_token: token = '' } = (await login(gateway)).body;
  return { token, kid: decodeProtectedHeader(token).kid };
}

const statusOf = async ({ url }: RunningGateway, token: string) =>
  (await fetch(`${url}/read`, { headers: { Authorization: `Bearer ${token}` } })).status;

async function startPair(context: TestContext, store: Settings, adjust?: (config: Config) => Config) {
  const upstream = await startUpstream(context);
  const settings = {
    store,
    upstreams: { api: { targets: [upstream.url] } },
    routes: [{ path: '/read', scopes: ['read'], upstream: 'api' }],
  };
  return Promise.all([startGateway(context, settings, adjust), startGateway(context, settings, adjust)]);
}

test('two gateways on one Redis rotate together: every token of one is good at the other', async (context) => {
  const [one, other] = await startPair(context, redisStore(), withOverlap(1000, 2000));
  const first = await tokenOf(one);
  const signed = new Set<string | undefined>();
  for (const deadlineMs = Date.now() + 20_000; signed.size < 3 && Date.now() < deadlineMs; await delay(20)) {
    for (const [from, to] of [[one, other] as const, [other, one] as const]) {
      const { token, kid } = await tokenOf(from);
      assert.equal(await statusOf(to, token), 200);
      signed.add(kid);
    }
  }
  assert.equal(signed.size, 3, 'two rotations');
  assert.equal(await statusOf(other, first.token), 200, 'the first key still verifies');
  await one.stop();
  assert.equal(await statusOf(other, first.token), 200, 'the end of one gateway loses nothing');
  const published = await kidsOf(other);
  assert.deepEqual(
    [...signed].filter((kid) => !published.includes(kid ?? '')),
    [],
  );
});

test('after a change of the algorithm, the old key signs first, and the metadata tell of both', async (context) => {
  const store = redisStore();
  const tokens = { issuer: 'https://gateway.example/auth', audience: 'https://api.example' };
  const before = await startGateway(context, { store, tokens: { ...tokens, signing: { algorithm: 'ES256' } } });
  const after = await startGateway(context, { store, tokens: { ...tokens, signing: { algorithm: 'EdDSA' } } });
  assert.equal((await tokenOf(after)).kid, (await tokenOf(before)).kid);
  const metadata = await fetch(`${after.url}/.well-known/openid-configuration`);
  const { id_token_signing_alg_values_supported: algorithms } = (await metadata.json()) as Record<string, string[]>;
  assert.deepEqual(algorithms, ['EdDSA', 'ES256']);
});

describe('postern keys', () => {
  const written = (settings: Settings) => join(writeConfiguration(settings), 'gateway.yaml');
  const list = async (file: string) => {
    const { code, stdout, stderr } = await postern(['keys', 'list', file, '--format', 'json']);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as Record<string, string | null>[];
  };

  test('list and rotate see the store that gateways run on', async (context) => {
    const settings = { store: redisStore() };
    const gateway = await startGateway(context, settings);
    const file = written(settings);
    const [kid] = await kidsOf(gateway);
    const [first] = await list(file);
    assert.deepEqual(
      { ...first, created: undefined, signs_from: undefined },
      { kid, algorithm: 'ES256', state: 'signing', created: undefined, signs_from: undefined, withdrawn_at: null },
    );

    const { code, stdout } = await postern(['keys', 'rotate', file]);
    assert.equal(code, 0);
    const [signing, next] = await list(file);
    assert.ok(next?.kid && stdout.includes(next.kid));
    assert.equal(next.state, 'next');
    assert.equal(Date.parse(next.signs_from ?? '') - Date.parse(next.created ?? ''), 86_400_000);
    // The longest token of 15 minutes, the clock tolerance, and a minute for who is late.
    const lifetime = Date.parse(signing?.withdrawn_at ?? '') - Date.parse(next.signs_from ?? '');
    assert.equal(lifetime, (15 * 60 + 10 + 60) * 1000);

    const table = (await postern(['keys', 'list', file])).stdout.split('\n');
    assert.match(table[0] ?? '', /^KID +ALGORITHM +STATE +CREATED +SIGNS FROM +WITHDRAWN AT$/);
    assert.match(table[1] ?? '', /^\S+ +ES256 +signing +\S+Z +\S+Z +\S+Z$/);
    assert.match(table[2] ?? '', /^\S+ +ES256 +next +\S+Z +\S+Z +-$/);

    const again = await postern(['keys', 'rotate', file]);
    assert.equal(again.code, 1);
    assert.ok(again.stderr.includes(next.kid));
  });

  test('rotate --withdraw-others ends every token within seconds', async (context) => {
    const store = redisStore();
    const [one, other] = await startPair(context, store, withOverlap(800, 86_400_000));
    const { token } = await tokenOf(one);
    assert.equal(await statusOf(other, token), 200);
    assert.equal((await postern(['keys', 'rotate', written({ store }), '--withdraw-others'])).code, 0);
    await delay(1200);
    assert.equal(await statusOf(one, token), 401);
    assert.equal(await statusOf(other, token), 401);
    assert.equal(await statusOf(one, (await tokenOf(other)).token), 200);
  });

  test('rotate writes a file into keys_dir', async () => {
    const tokens = { signing: { keys_dir: 'keys', algorithm: 'ES256' } };
    const file = written({ tokens: { issuer: 'https://gateway.example', audience: 'https://api.example', ...tokens } });
    assert.deepEqual(await list(file), []);
    assert.equal((await postern(['keys', 'rotate', file, '--now'])).code, 0);
    assert.equal((await postern(['keys', 'rotate', file])).code, 0);
    const keys = await list(file);
    assert.deepEqual(
      keys.map(({ state, algorithm, withdrawn_at }) => [state, algorithm, withdrawn_at]),
      [
        ['signing', 'ES256', null],
        ['next', 'ES256', null],
      ],
    );
    assert.deepEqual(
      readdirSync(join(file, '..', 'keys')),
      keys.map(({ kid }) => `${kid}.pem`),
    );
  });

  const rows: [sentence: string, args: string[], code: number, stderr: RegExp][] = [
    ['2 with the embedded store, for list', ['list', written({})], 2, /memory/],
    ['2 with the embedded store, for rotate', ['rotate', written({})], 2, /memory/],
    ['2 with a bad configuration', ['list', written({ log: { level: 'loud' } })], 2, /gateway\.yaml:\d+:/],
    ['2 for an unknown format', ['list', '--format', 'xml', written({ store: redisStore() })], 2, /xml/],
    ['2 for no command', [], 2, /rotate/],
    ['1 with the store out', ['list', written({ store: { redis: 'redis://127.0.0.1:1' } })], 1, /./],
  ];
  test('tells by its exit code what went wrong', async () => {
    await Promise.all(
      rows.map(async ([sentence, args, code, stderr]) => {
        const result = await postern(['keys', ...args]);
        assert.equal(result.code, code, sentence);
        assert.match(result.stderr, stderr, sentence);
        assert.equal(result.stdout, '', sentence);
      }),
    );
  });
});

test('serve ends with 2 and says why if the keys in the store are encrypted with another key', async (context) => {
  const store = redisStore();
  const encrypted = () => ({
    store,
    tokens: {
      issuer: 'https://gateway.example',
      audience: 'https://api.example',
      signing: { encryption_key: randomBytes(32).toString('base64') },
    },
  });
  const gateway = await startGateway(context, encrypted());
  const kids = await kidsOf(gateway);
  const { code, stderr } = await postern(['serve', join(writeConfiguration(encrypted()), 'gateway.yaml')]);
  assert.equal(code, 2);
  assert.match(stderr, /encryption_key/);
  assert.deepEqual(await kidsOf(gateway), kids);
});
