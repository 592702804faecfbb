/**
 * Whether the sender of a request may use a token with this `cnf` claim (RFC 7800 §3.1): it has to show the certificate
 * that the token is bound to (RFC 8705 §3). What is bound in a way that is not known here, nobody may use.
 *
 * @param thumbprint of the sender's certificate; undefined if it has shown none
 */
export function isConfirmed(cnf: unknown, thumbprint: string | undefined): boolean {
  if (cnf === undefined) return true;
  if (typeof cnf !== 'object' || cnf === null) return false;
  const methods = Object.entries(cnf);
  return (
    methods.length > 0 &&
    methods.every(([method, value]) => method === 'x5t#S256' && thumbprint !== undefined && value === thumbprint)
  );
}
