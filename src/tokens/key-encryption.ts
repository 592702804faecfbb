import { CompactEncrypt, compactDecrypt } from 'jose';
import type { PrivateJwk } from './key-set.ts';

/** A private key as the store has it: a JWK, or a JWE (RFC 7516) of it that is encrypted with `encryption_key`. */
export type KeptKey = PrivateJwk | string;

/** A JWE in the compact serialisation: the 32 bytes of `encryptionKey` are the AES-256-GCM key itself (RFC 7518 §4.5, §5.3). */
export function encryptKey(jwk: PrivateJwk, encryptionKey: Uint8Array): Promise<string> {
  return new CompactEncrypt(new TextEncoder().encode(JSON.stringify(jwk)))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', cty: 'jwk+json' })
    .encrypt(encryptionKey);
}

/** @throws Error when the key is encrypted and `encryptionKey` is not what it was encrypted with, or is not `kid`. */
export async function decryptKey(kept: KeptKey, kid: string, encryptionKey?: Uint8Array): Promise<PrivateJwk> {
  const jwk = typeof kept === 'string' ? await decrypt(kept, encryptionKey) : kept;
  // The `kid` is a part of what is encrypted, so that nobody can put one key in the place of another.
  if (jwk.kid !== kid) throw new Error(`the signing key ${kid} of the store is another one inside`);
  return jwk;
}

async function decrypt(jwe: string, encryptionKey: Uint8Array | undefined): Promise<PrivateJwk> {
  if (encryptionKey === undefined) {
    throw new Error('the signing keys in the store are encrypted, and there is no `tokens.signing.encryption_key`');
  }
  try {
    const { plaintext } = await compactDecrypt(jwe, encryptionKey, {
      keyManagementAlgorithms: ['dir'],
      contentEncryptionAlgorithms: ['A256GCM'],
    });
    return JSON.parse(new TextDecoder().decode(plaintext));
  } catch (cause) {
    throw new Error('the signing keys in the store are encrypted with another `tokens.signing.encryption_key`', {
      cause,
    });
  }
}
