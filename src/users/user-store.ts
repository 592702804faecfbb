import type { Finding } from '../config/finding.ts';

/** A person as a legacy user store knows them. */
export interface User {
  /** The `sub` of their tokens. */
  readonly sub: string;
  readonly username: string;
  /** What `{user.x}` in mapped claims reads. Holds `sub` and `username` too. */
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** A user whose `sub` is that of the attributes, or else the username. */
export function toUser(username: string, attributes: Readonly<Record<string, unknown>>): User {
  const sub = typeof attributes.sub === 'string' ? attributes.sub : username;
  return { sub, username, attributes: { ...attributes, sub, username } };
}

/** Why a user who exists is refused, where that is not the password. For log and metrics; a caller never learns it. */
export const REJECTION_REASONS = [
  'disabled',
  'locked',
  'account_expired',
  'password_expired',
  'must_change_password',
  /** Not at this time, or not from here. */
  'restricted',
] as const;
export type RejectionReason = (typeof REJECTION_REASONS)[number];

/** The session that a login has opened where the user is known, as far as it is kept: by the names of the store's `carry`. */
export type Carried = Readonly<Record<string, string>>;

export type Verdict =
  | { readonly outcome: 'accepted'; readonly user: User; readonly carried?: Carried | undefined }
  /** The store knows the user and refuses: wrong password, or disabled. */
  | { readonly outcome: 'rejected'; readonly reason?: RejectionReason | undefined }
  /** The store does not know the user; the next one may. */
  | { readonly outcome: 'unknown' };

/** One kind of legacy user store. An outage is thrown (`temporarily_unavailable`), never a verdict. */
export interface UserStore {
  verify(username: string, password: string): Promise<Verdict>;
  /**
   * The user as the store has it now; undefined when it is gone or disabled. Left out where nobody but the user can be
   * asked about: such a user stays as it was at the login.
   */
  lookup?(username: string): Promise<User | undefined>;
  /** As `lookup`, where nothing but the session of the user's own login can be asked; undefined when that is over. */
  resume?(user: User, carried: Carried): Promise<User | undefined>;
  /** Ends the session of a login that is over, in the background. What fails is reported, and never thrown. */
  logout?(carried: Carried): void;
  /** Costs what `verify` costs for a user that exists, so that time does not tell who does. */
  decoy(username: string, password: string): Promise<void>;
  /** Tries what a login would need of others, without one: nothing is changed. Left out where nobody is asked. */
  probe?(): Promise<readonly Finding[]>;
  close(): Promise<void>;
}
