import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import type { TokensConfig } from '../config/schema.ts';

export type Algorithm = TokensConfig['signing']['algorithm'];

export interface SigningKey {
  readonly kid: string;
  readonly algorithm: Algorithm;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  /** As the JWKS publishes it (RFC 7517 §4). */
  readonly publicJwk: JWK;
}

/** The keys of one moment: one signs, all of them verify and are published. */
export interface KeySet {
  readonly signing: SigningKey;
  readonly byId: ReadonlyMap<string, SigningKey>;
  readonly jwks: { readonly keys: readonly JWK[] };
}

/** @throws Error when there is no key to sign with. */
export function createKeySet(keys: readonly SigningKey[], signing: SigningKey | undefined): KeySet {
  if (signing === undefined) throw new Error('there is no key to sign with');
  return {
    signing,
    byId: new Map(keys.map((key) => [key.kid, key])),
    jwks: { keys: keys.map((key) => key.publicJwk) },
  };
}

export type PrivateJwk = JWK & { readonly kid: string };

/** A fresh private key as a JWK. Its `kid` begins with the time from which it signs, so that names sort as keys take over. */
export async function generatePrivateJwk(algorithm: Algorithm, signsFromMs: number): Promise<PrivateJwk> {
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true, modulusLength: 2048 });
  const jwk = await exportJWK(privateKey);
  const time = new Date(signsFromMs).toISOString().replace(/[-:]|\.\d+/g, '');
  const kid = `${time}-${(await calculateJwkThumbprint(jwk)).slice(0, 8)}`;
  return { ...jwk, kid, alg: algorithm, use: 'sig' };
}

/** @throws Error when the JWK is no private key, or not one for `algorithm`. */
export async function importSigningKey(jwk: JWK, kid: string, algorithm: Algorithm): Promise<SigningKey> {
  if (jwk.d === undefined) throw new Error('it is not a private key');
  const publicJwk: JWK = { ...publicPart(jwk), kid, alg: algorithm, use: 'sig' };
  return {
    kid,
    algorithm,
    privateKey: await importCryptoKey({ ...jwk, alg: algorithm }, algorithm),
    publicKey: await importCryptoKey(publicJwk, algorithm),
    publicJwk,
  };
}

async function importCryptoKey(jwk: JWK, algorithm: Algorithm): Promise<CryptoKey> {
  const key = await importJWK(jwk, algorithm);
  if (key instanceof Uint8Array) throw new Error('it is a symmetric key');
  return key;
}

/** Named members only: what is not known to be public stays out (RFC 7518 §6). */
function publicPart({ kty, n, e, crv, x, y }: JWK): JWK {
  if (kty === 'RSA') return { kty, ...(n && { n }), ...(e && { e }) };
  return { ...(kty && { kty }), ...(crv && { crv }), ...(x && { x }), ...(y && { y }) };
}

/** JSON with private keys in it. @throws Error that, unlike JSON.parse's own, quotes nothing of it. */
export function parseKeyJson<Value>(text: string): Value {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('private keys that are not JSON');
  }
}
