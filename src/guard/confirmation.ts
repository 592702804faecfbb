/** The keys that the sender of a request has proven, by their thumbprints. */
export interface ProvenKeys {
  /** Of the certificate that it has shown (RFC 8705 §3). */
  readonly 'x5t#S256': string | undefined;
  /** Of the key of its DPoP proof (RFC 9449 §7). */
  readonly jkt: string | undefined;
}

/**
 * Whether the sender may use a token with this `cnf` claim (RFC 7800 §3.1): it has to prove every key that the token is
 * bound to. What is bound in a way that is not known here, nobody may use. A DPoP proof beside a token that is not bound
 * to its key is refused too (RFC 9449 §7.2): somebody took the token for a bound one.
 */
export function isConfirmed(cnf: unknown, proven: ProvenKeys): boolean {
  if (cnf === undefined) return proven.jkt === undefined;
  if (typeof cnf !== 'object' || cnf === null) return false;
  const bindings = Object.entries(cnf);
  const isProven = ([method, thumbprint]: [string, unknown]) =>
    (method === 'x5t#S256' || method === 'jkt') && proven[method] !== undefined && thumbprint === proven[method];
  return bindings.length > 0 && bindings.every(isProven) && (proven.jkt === undefined || 'jkt' in cnf);
}
