import { createPublicKey } from 'node:crypto';
import type { JWK } from 'jose';
import type { ClientConfig } from '../../config/schema.ts';
import { type ClientCertificate, isInForce } from '../../tls/client-certificate.ts';
import { RemoteKeys } from '../../tokens/remote-keys.ts';
import type { KeysFailureListener } from './assertion-keys.ts';

/** Whether a certificate is the client's own. */
export type OwnKeyCheck = (certificate: ClientCertificate) => boolean | Promise<boolean>;

/**
 * `self_signed_tls_client_auth` (RFC 8705 §2.2): nobody vouches for the certificate, but it is the client's own. A key of
 * `jwks` that has a certificate (`x5c`) stands for exactly that; one without, for every certificate of this key.
 */
export function createOwnKeyCheck(client: ClientConfig, onFailure: KeysFailureListener): OwnKeyCheck {
  const { jwks, jwks_uri } = client;
  const published = jwks_uri === undefined ? undefined : new RemoteKeys(jwks_uri, (cause) => onFailure(client, cause));
  return (certificate) => {
    if (!isInForce(certificate.x509)) return false;
    const isIts = (jwk: JWK) => isKeyOf(certificate, jwk);
    return published ? published.some(isIts) : (jwks?.keys ?? []).some(isIts);
  };
}

/** What a client publishes may be no key at all; it is nobody's then. */
function isKeyOf({ x509 }: ClientCertificate, jwk: JWK): boolean {
  if (jwk.x5c) return x509.raw.equals(Buffer.from(String(jwk.x5c[0]), 'base64'));
  try {
    return createPublicKey({ key: { ...jwk }, format: 'jwk' }).equals(x509.publicKey);
  } catch {
    return false;
  }
}
