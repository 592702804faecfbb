import assert from 'node:assert/strict';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeEach, describe, mock, type TestContext, test } from 'node:test';
import {
  type CryptoKey,
  exportJWK,
  generateKeyPair,
  type JWK,
  type JWSHeaderParameters,
  jwtVerify,
  SignJWT,
} from 'jose';
import { GatewayError } from '../../src/errors.ts';
import { RemoteKeys } from '../../src/tokens/remote-keys.ts';

function remoteKeys(url: string, note: (cause: unknown) => void) {
  const keys = new RemoteKeys(url, note);
  return (header: JWSHeaderParameters) => keys.find(header);
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;

interface Pair {
  readonly token: string;
  readonly publicJwk: JWK;
}

/** Two keys, and a token signed by each. */
const [one, two] = (await Promise.all(['one', 'two'].map(makePair))) as [Pair, Pair];

async function makePair(kid: string): Promise<Pair> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  return { token: await sign(privateKey, kid), publicJwk: { ...(await exportJWK(publicKey)), kid } };
}

function sign(key: CryptoKey, kid: string): Promise<string> {
  return new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid }).sign(key);
}

interface KeyServer {
  readonly url: string;
  /** How often it was asked. */
  asked: number;
  answer: RequestListener;
}

async function startKeyServer(context: TestContext, ...keys: JWK[]): Promise<KeyServer> {
  const server = createServer((request, response) => {
    running.asked += 1;
    running.answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const running: KeyServer = { url: `http://127.0.0.1:${port}/jwks`, asked: 0, answer: publish(...keys) };
  return running;
}

function publish(...keys: JWK[]): RequestListener {
  return (_, response) => void json(response).end(JSON.stringify({ keys }));
}

function json(response: ServerResponse): ServerResponse {
  return response.setHeader('Content-Type', 'application/jwk-set+json');
}

const fail: RequestListener = (_, response) => void response.writeHead(500).end();

/** `good`, or the code of the error. */
async function verdict(token: string, find: ReturnType<typeof remoteKeys>): Promise<string> {
  try {
    await jwtVerify(token, find);
    return 'good';
  } catch (error) {
    return String((error as GatewayError).code);
  }
}

const NO_KEY = 'ERR_JWKS_NO_MATCHING_KEY';
const OUT = 'temporarily_unavailable';

describe('keys behind a URL', () => {
  const failures: unknown[] = [];
  const note = (cause: unknown) => void failures.push(cause);

  beforeEach((context) => {
    failures.length = 0;
    mock.timers.enable({ apis: ['Date'], now: Date.now() });
    (context as TestContext).after(() => mock.timers.reset());
  });

  test('are fetched once by a hundred tokens at once, and not before there is one', async (context) => {
    const server = await startKeyServer(context, one.publicJwk);
    const find = remoteKeys(server.url, note);
    assert.equal(server.asked, 0);
    const verdicts = await Promise.all(Array.from({ length: 100 }, () => verdict(one.token, find)));
    assert.deepEqual(new Set(verdicts), new Set(['good']));
    assert.equal(server.asked, 1);
  });

  test('are fetched again after ten minutes, so that a withdrawn key is gone', async (context) => {
    const server = await startKeyServer(context, one.publicJwk);
    const find = remoteKeys(server.url, note);
    await verdict(one.token, find);
    server.answer = publish(two.publicJwk);
    mock.timers.tick(9 * MINUTE);
    assert.equal(await verdict(one.token, find), 'good');
    mock.timers.tick(MINUTE);
    assert.equal(await verdict(one.token, find), NO_KEY);
  });

  test('are fetched again for an unknown key, but not more often than every thirty seconds', async (context) => {
    const server = await startKeyServer(context, one.publicJwk);
    const find = remoteKeys(server.url, note);
    await verdict(one.token, find);
    server.answer = publish(one.publicJwk, two.publicJwk);
    assert.equal(await verdict(two.token, find), NO_KEY);
    assert.equal(server.asked, 1);
    mock.timers.tick(30 * SECOND);
    assert.equal(await verdict(two.token, find), 'good');
    assert.equal(server.asked, 2);
  });

  test('that cannot be had are an outage, which is remembered for five seconds', async (context) => {
    const server = await startKeyServer(context);
    server.answer = fail;
    const find = remoteKeys(server.url, note);
    for (let request = 0; request < 10; request += 1) assert.equal(await verdict(one.token, find), OUT);
    assert.equal(server.asked, 1);
    assert.equal(failures.length, 1);
    server.answer = publish(one.publicJwk);
    mock.timers.tick(5 * SECOND);
    assert.equal(await verdict(one.token, find), 'good');
  });

  test('are used on for an hour while they cannot be fetched again', async (context) => {
    const server = await startKeyServer(context, one.publicJwk);
    const find = remoteKeys(server.url, note);
    await verdict(one.token, find);
    server.answer = fail;
    mock.timers.tick(59 * MINUTE);
    assert.equal(await verdict(one.token, find), 'good');
    assert.equal(await verdict(two.token, find), OUT, 'no verdict on a key that may be new');
    assert.equal(failures.length, 1);
    mock.timers.tick(MINUTE);
    assert.equal(await verdict(one.token, find), OUT);
  });

  const unusable: [sentence: string, answer: RequestListener][] = [
    ['a redirect', (_, response) => void response.writeHead(302, { Location: '/elsewhere' }).end()],
    ['a 404', (_, response) => void response.writeHead(404).end('{"keys":[]}')],
    ['no JSON', (_, response) => void response.end('<html>')],
    ['JSON without keys', (_, response) => void json(response).end('{}')],
    ['a body that breaks off', (_, response) => void response.write('{"keys":', () => response.destroy())],
    ['more than 256 kb', (_, response) => void response.end(JSON.stringify({ keys: [], pad: 'x'.repeat(256 * 1024) }))],
    ['a body that does not end in time', (_, response) => void response.write('{"keys":')],
    ['no answer in time', () => {}],
    ['a key that is none', publish({ kid: 'one', kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' })],
  ];
  for (const [sentence, answer] of unusable) {
    test(`are not to be had from an answer with ${sentence}`, async (context) => {
      const server = await startKeyServer(context);
      server.answer = answer;
      assert.equal(await verdict(one.token, remoteKeys(server.url, note)), OUT);
      assert.equal(server.asked, 1);
    });
  }

  test('that are private or symmetric verify nothing', async (context) => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    const server = await startKeyServer(context, { ...(await exportJWK(privateKey)), kid: 'one' });
    assert.equal(await verdict(await sign(privateKey, 'one'), remoteKeys(server.url, note)), 'ERR_JWKS_INVALID');
    const secret = new TextEncoder().encode('a secret of thirty-two characters');
    const symmetric = await startKeyServer(context, { kty: 'oct', k: Buffer.from(secret).toString('base64url') });
    const token = await new SignJWT({}).setProtectedHeader({ alg: 'HS256' }).sign(secret);
    assert.equal(await verdict(token, remoteKeys(symmetric.url, note)), 'ERR_JOSE_NOT_SUPPORTED');
  });

  test('of a server that does not listen are an outage', async () => {
    assert.equal(await verdict(one.token, remoteKeys('http://127.0.0.1:1/jwks', note)), OUT);
    assert.ok(!(failures[0] instanceof GatewayError));
  });
});
