import { createHash, type X509Certificate } from 'node:crypto';

/** A certificate whose key the client of a request was shown to hold. What else it proves, is for its reader to judge. */
export interface ClientCertificate {
  readonly x509: X509Certificate;
  /** `x5t#S256`: the SHA-256 of the DER, in base64url (RFC 8705 §3.1). */
  readonly thumbprint: string;
  /** Whether it is for clients, and its chain leads to the authorities that are configured. */
  isTrusted(): boolean;
}

export function thumbprintOf({ raw }: X509Certificate): string {
  return createHash('sha256').update(raw).digest('base64url');
}

/** Whether its dates are right, which a connection that stays open outlives. */
export function isInForce({ validFrom, validTo }: X509Certificate, nowMs = Date.now()): boolean {
  return Date.parse(validFrom) <= nowMs && nowMs <= Date.parse(validTo);
}
