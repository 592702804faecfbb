import { createHash, timingSafeEqual } from 'node:crypto';
import type { ClientConfig } from '../../config/schema.ts';
import type { HashVerifier } from '../../users/password-hash/hash-pool.ts';

/** Compares a secret with the client's, in a time that does not depend on where they differ. */
export function isSecretOf(client: ClientConfig, secret: string, hashes: HashVerifier): boolean | Promise<boolean> {
  if (client.secret_hash !== undefined) return hashes.verify(secret, client.secret_hash);
  const expected = client.secret_sha256 === undefined ? undefined : Buffer.from(client.secret_sha256, 'hex');
  // A client without a secret is compared with a digest that no secret is known for.
  return timingSafeEqual(sha256(secret), expected ?? (client.secret ? sha256(client.secret) : Buffer.alloc(32)));
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
