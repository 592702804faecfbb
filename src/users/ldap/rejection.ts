import { ResultCodeError } from 'ldapts';
import type { RejectionReason, Verdict } from '../user-store.ts';
import type { PasswordPolicyControl } from './password-policy.ts';

type Rejection = Extract<Verdict, { outcome: 'rejected' }>;

/** Result codes of RFC 4511 §4.1.9 with which a directory refuses the user and not the gateway. */
const INVALID_CREDENTIALS = 49;
/** OpenLDAP's answer for an entry that has no password. */
const INAPPROPRIATE_AUTHENTICATION = 48;

/** Active Directory tells why in its diagnostic message: `…, comment: AcceptSecurityContext error, data 533, v4563`. */
const ACTIVE_DIRECTORY_REASONS: Readonly<Record<string, RejectionReason>> = {
  '530': 'restricted', // at this time
  '531': 'restricted', // from this machine
  '532': 'password_expired',
  '533': 'disabled',
  '568': 'restricted', // too many groups
  '701': 'account_expired',
  '773': 'must_change_password',
  '775': 'locked',
};

/** What a bind that failed says about the user. @throws the error itself when it says something about the directory. */
export function rejectionOf(error: unknown, policy: PasswordPolicyControl): Rejection {
  const code = error instanceof ResultCodeError ? error.code : undefined;
  if (code !== INVALID_CREDENTIALS && code !== INAPPROPRIATE_AUTHENTICATION) throw error;
  return rejected(policy.reason ?? activeDirectoryReason((error as Error).message));
}

export function rejected(reason: RejectionReason | undefined): Rejection {
  return reason === undefined ? { outcome: 'rejected' } : { outcome: 'rejected', reason };
}

export function activeDirectoryReason(message: string): RejectionReason | undefined {
  return ACTIVE_DIRECTORY_REASONS[/AcceptSecurityContext error, data ([0-9a-f]+)\b/i.exec(message)?.[1] ?? ''];
}
