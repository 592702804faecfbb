import { createPublicKey } from 'node:crypto';
import type { ClientConfig } from '../../config/schema.ts';
import { type ClientCertificate, isInForce } from '../../tls/client-certificate.ts';

/**
 * `self_signed_tls_client_auth` (RFC 8705 §2.2): nobody vouches for the certificate, but it is the client's own. A key of
 * `jwks` that has a certificate (`x5c`) stands for exactly that; one without, for every certificate of this key.
 */
export function showsOwnKey({ x509 }: ClientCertificate, { jwks }: ClientConfig): boolean {
  if (!isInForce(x509)) return false;
  return (jwks?.keys ?? []).some((jwk) => {
    if (jwk.x5c) return x509.raw.equals(Buffer.from(String(jwk.x5c[0]), 'base64'));
    return createPublicKey({ key: { ...jwk }, format: 'jwk' }).equals(x509.publicKey);
  });
}
