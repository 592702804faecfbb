import type { X509Certificate } from 'node:crypto';
import { isInForce } from './client-certificate.ts';

const LONGEST_CHAIN = 8;
/** id-kp-clientAuth (RFC 5280 §4.2.1.12). */
const CLIENT_AUTHENTICATION = '1.3.6.1.5.5.7.3.2';

/**
 * The certificates of a CA file, for certificates that come in a header and so without a handshake in which OpenSSL would
 * have judged them. Issuers, names, signatures, dates and usages are checked; name constraints, path lengths and
 * revocation are left to the proxy, which made the handshake.
 */
export class Authorities {
  readonly #certificates: readonly X509Certificate[];

  constructor(certificates: readonly X509Certificate[]) {
    this.#certificates = certificates;
  }

  /** Whether a chain leads from `certificate` to a root, all of it above `certificate` being in the file. */
  vouchFor(certificate: X509Certificate): boolean {
    const usages: readonly string[] | undefined = certificate.keyUsage;
    if (usages !== undefined && !usages.includes(CLIENT_AUTHENTICATION)) return false;
    return isInForce(certificate) && this.#leadsToRoot(certificate, LONGEST_CHAIN);
  }

  #leadsToRoot(certificate: X509Certificate, steps: number): boolean {
    if (steps === 0) return false;
    return this.#certificates.some(
      (issuer) => hasIssued(issuer, certificate) && (isRoot(issuer) || this.#leadsToRoot(issuer, steps - 1)),
    );
  }
}

function hasIssued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return issuer.ca && isInForce(issuer) && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function isRoot(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey);
}
