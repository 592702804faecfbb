import { createLocalJWKSet, type JWTVerifyGetKey } from 'jose';
import { SIGNATURE_ALGORITHMS } from '../../config/public-jwk.ts';
import type { ClientConfig } from '../../config/schema.ts';
import { RemoteKeys } from '../../tokens/remote-keys.ts';

/** What a client's assertions are verified with. */
export interface AssertionKeys {
  readonly algorithms: readonly string[];
  readonly key: JWTVerifyGetKey | Uint8Array;
}

/** Told when the keys behind a client's `jwks_uri` could not be fetched. */
export type KeysFailureListener = (client: ClientConfig, cause: unknown) => void;

/** Undefined for a client that authenticates in another way than by assertions. */
export function assertionKeys(client: ClientConfig, onFailure: KeysFailureListener): AssertionKeys | undefined {
  const algorithms = assertionAlgorithms(client);
  if (client.auth === 'client_secret_jwt') return { algorithms, key: new TextEncoder().encode(client.secret) };
  if (client.auth === 'private_key_jwt') return { algorithms, key: publicKeys(client, onFailure) };
  return undefined;
}

function publicKeys(client: ClientConfig, onFailure: KeysFailureListener): JWTVerifyGetKey {
  const { jwks, jwks_uri } = client;
  if (jwks_uri !== undefined) {
    const keys = new RemoteKeys(jwks_uri, (cause) => onFailure(client, cause));
    return (header) => keys.find(header);
  }
  return createLocalJWKSet(jwks ?? { keys: [] });
}

/** With the bytes that a secret needs for each (RFC 7518 §3.2). */
const HMAC_ALGORITHMS = { HS256: 32, HS384: 48, HS512: 64 };

/**
 * What a client may sign with, by its registered method and never by what an assertion says of itself: its public key is
 * no secret for an HMAC (RFC 8725 §3.1).
 */
export function assertionAlgorithms({ auth, secret = '' }: ClientConfig): readonly string[] {
  if (auth === 'private_key_jwt') return SIGNATURE_ALGORITHMS;
  if (auth !== 'client_secret_jwt') return [];
  const bytes = Buffer.byteLength(secret);
  return Object.entries(HMAC_ALGORITHMS).flatMap(([algorithm, minBytes]) => (bytes >= minBytes ? [algorithm] : []));
}
