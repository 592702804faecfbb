import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, describe, test } from 'node:test';
import {
  type CryptoKey,
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  type JWTHeaderParameters,
  SignJWT,
} from 'jose';
import { MemoryStore } from '../../src/store/memory.ts';
import { DpopNonces } from '../../src/tokens/dpop-nonces.ts';
import { DpopProofs, type ProvenRequest } from '../../src/tokens/dpop-proofs.ts';
import { SharedSecret } from '../../src/tokens/shared-secret.ts';
import { UsedOnce } from '../../src/tokens/used-once.ts';
import { stores } from '../support/stores.ts';

const URL_ASKED = 'https://api.example/orders';
const ASKED: ProvenRequest = {
  method: 'GET',
  isFor: ({ origin, pathname }) => `${origin}${pathname}` === URL_ASKED,
  accessToken: 'a.b.c',
};
const ATH = createHash('sha256').update('a.b.c').digest('base64url');

const store = new MemoryStore();
const nonces = new DpopNonces(new SharedSecret(store, 'dpop-nonce'));
const proofs = new DpopProofs(nonces, new UsedOnce(store, 'dpop-proof'));
const keys = { public: {}, private: {} as CryptoKey, thumbprint: '' };

before(async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  keys.public = await exportJWK(publicKey);
  keys.private = privateKey;
  keys.thumbprint = await calculateJwkThumbprint(keys.public);
});

interface Changes {
  readonly claims?: Record<string, unknown>;
  readonly header?: Record<string, unknown>;
  readonly key?: CryptoKey | Uint8Array;
}

async function prove({ claims = {}, header = {}, key = keys.private }: Changes = {}): Promise<string> {
  const nowSeconds = Math.floor(Date.now() / 1000);
  const nonce = await nonces.current();
  const payload = { jti: 'p-1', htm: 'GET', htu: URL_ASKED, iat: nowSeconds, ath: ATH, nonce, ...claims };
  const protectedHeader = { alg: 'ES256', typ: 'dpop+jwt', jwk: keys.public, ...header };
  return new SignJWT(payload).setProtectedHeader(protectedHeader as JWTHeaderParameters).sign(key);
}

async function verdict(proof: string, request: ProvenRequest = ASKED): Promise<string> {
  try {
    const { thumbprint, id } = await proofs.verify(proof, request);
    assert.equal(thumbprint, keys.thumbprint);
    return id;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('a DPoP proof', () => {
  const ago = (seconds: number) => Math.floor(Date.now() / 1000) - seconds;
  const rows: [sentence: string, changes: () => Changes | Promise<Changes>, expected: string][] = [
    ['for this request is good', () => ({}), 'p-1'],
    ['with a query and a fragment in htu is good', () => ({ claims: { htu: `${URL_ASKED}?a=1#b` } }), 'p-1'],
    ['four minutes old is good', () => ({ claims: { iat: ago(240) } }), 'p-1'],
    ['seven minutes old is refused', () => ({ claims: { iat: ago(420) } }), 'invalid_dpop_proof'],
    ['from the future is refused', () => ({ claims: { iat: ago(-120) } }), 'invalid_dpop_proof'],
    ['without iat is refused', () => ({ claims: { iat: undefined } }), 'invalid_dpop_proof'],
    ['without jti is refused', () => ({ claims: { jti: undefined } }), 'invalid_dpop_proof'],
    ['with an empty jti is refused', () => ({ claims: { jti: '' } }), 'invalid_dpop_proof'],
    ['with a huge jti is refused', () => ({ claims: { jti: 'x'.repeat(300) } }), 'invalid_dpop_proof'],
    ['for another method is refused', () => ({ claims: { htm: 'POST' } }), 'invalid_dpop_proof'],
    ['for another URL is refused', () => ({ claims: { htu: 'https://api.example/other' } }), 'invalid_dpop_proof'],
    ['for no URL is refused', () => ({ claims: { htu: '/orders' } }), 'invalid_dpop_proof'],
    ['for another access token is refused', () => ({ claims: { ath: 'x' } }), 'invalid_dpop_proof'],
    ['for no access token is refused', () => ({ claims: { ath: undefined } }), 'invalid_dpop_proof'],
    ['of another type is refused', () => ({ header: { typ: 'JWT' } }), 'invalid_dpop_proof'],
    ['without its key is refused', () => ({ header: { jwk: undefined } }), 'invalid_dpop_proof'],
    ['with a key that is none is refused', () => ({ header: { jwk: { kty: 'EC' } } }), 'invalid_dpop_proof'],
    [
      'signed by another key is refused',
      async () => ({ key: (await generateKeyPair('ES256')).privateKey }),
      'invalid_dpop_proof',
    ],
    [
      'with a private key in it is refused',
      async () => ({ header: { jwk: await exportJWK(keys.private) } }),
      'invalid_dpop_proof',
    ],
    [
      'with a symmetric key is refused',
      () => ({
        header: { alg: 'HS256', jwk: { kty: 'oct', k: Buffer.alloc(32).toString('base64url') } },
        key: new Uint8Array(32),
      }),
      'invalid_dpop_proof',
    ],
    ['without a nonce is told one', () => ({ claims: { nonce: undefined } }), 'use_dpop_nonce'],
    ["with a nonce of somebody else's is told one", () => ({ claims: { nonce: 'x' } }), 'use_dpop_nonce'],
  ];
  for (const [sentence, changes, expected] of rows) {
    test(sentence, async () => assert.equal(await verdict(await prove(await changes())), expected));
  }

  test('that is no JWT is refused', async () => {
    for (const proof of ['', 'x', 'a.b.c', 'x'.repeat(9000)]) assert.equal(await verdict(proof), 'invalid_dpop_proof');
  });

  test('needs no ath where there is no access token yet', async () => {
    const proof = await prove({ claims: { ath: undefined } });
    assert.equal(await verdict(proof, { ...ASKED, accessToken: undefined }), 'p-1');
  });
});

for (const { name, open } of stores) {
  test(`gateways on ${name} know each other's nonces`, async () => {
    const [one, other] = [open(), open()].map((store) => new DpopNonces(new SharedSecret(store, 'shared-nonces')));
    const nonce = (await one?.current()) ?? '';
    assert.equal(await other?.isGood(nonce), true);
    assert.equal(await other?.isGood(`${nonce}x`), false);
  });
}

test('a nonce is good for five minutes at least and fifteen at most', async (context) => {
  context.mock.timers.enable({ apis: ['Date'], now: Date.UTC(2026, 0, 1) });
  const nonce = await nonces.current();
  for (const [minutes, good] of [
    [4, true],
    [5, true],
    [6, false],
  ] as const) {
    context.mock.timers.tick(minutes * 60_000);
    assert.equal(await nonces.isGood(nonce), good, String(minutes));
  }
});
