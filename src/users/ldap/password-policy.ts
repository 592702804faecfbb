import { type BerReader, Control } from 'ldapts';
import type { RejectionReason } from '../user-store.ts';

/** The `error` of a PasswordPolicyResponseValue (draft-behera-ldap-password-policy-10 §6.2) that a bind can meet. */
const ERRORS: readonly RejectionReason[] = ['password_expired', 'locked', 'must_change_password'];

const WARNING = 0xa0;
const ERROR = 0x81;

/** Asks the directory, with a bind, for what its password policy says about the user; ldapts fills in the answer. */
export class PasswordPolicyControl extends Control {
  reason: RejectionReason | undefined;

  constructor() {
    super('1.3.6.1.4.1.42.2.27.8.5.1');
  }

  override parseControl(reader: BerReader): void {
    reader.readSequence();
    if (reader.remain > 0 && reader.peek() === WARNING) reader.readString(WARNING, true);
    if (reader.remain > 0 && reader.peek() === ERROR) this.reason = ERRORS[reader.readString(ERROR, true)?.[0] ?? -1];
  }
}
