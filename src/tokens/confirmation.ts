/** The `cnf` claim (RFC 7800 §3.1): the key that the sender of a token has to prove. */
export type Confirmation = CertificateConfirmation | DpopConfirmation;

interface CertificateConfirmation {
  /** The thumbprint of its certificate (RFC 8705 §3.1). */
  readonly 'x5t#S256': string;
}

interface DpopConfirmation {
  /** The thumbprint of the key of its DPoP proofs (RFC 9449 §6.1). */
  readonly jkt: string;
}

export function isDpop(confirmation: Confirmation | undefined): confirmation is DpopConfirmation {
  return confirmation !== undefined && 'jkt' in confirmation;
}
