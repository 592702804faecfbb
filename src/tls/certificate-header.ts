import { X509Certificate } from 'node:crypto';

/** A byte sequence of Structured Fields, which is what RFC 9440 §2.2 makes of Client-Cert. */
const BYTE_SEQUENCE = /^:([A-Za-z0-9+/]+={0,2}):$/;
/** One certificate of PEM and nothing else. */
const PEM = /^-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*$/;

/**
 * Reads a certificate as proxies write it into a header: `:base64 of DER:` (RFC 9440 §2.2), or URL-encoded PEM
 * (`$ssl_client_escaped_cert` of nginx). Undefined for what is no certificate, or more than one.
 */
export function readCertificateHeader(value: string): X509Certificate | undefined {
  try {
    const base64 = BYTE_SEQUENCE.exec(value)?.[1];
    if (base64 !== undefined) return new X509Certificate(Buffer.from(base64, 'base64'));
    const pem = decodeURIComponent(value);
    return PEM.test(pem) ? new X509Certificate(pem) : undefined;
  } catch {
    return undefined; // An escape or a certificate that is broken.
  }
}
