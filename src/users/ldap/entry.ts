import type { Entry } from 'ldapts';
import type { LdapUsersConfig } from '../../config/schema.ts';
import type { User } from '../user-store.ts';
import { UnclearAnswer } from './unclear-answer.ts';

/** Where directories keep that an account is switched off: Active Directory; OpenLDAP's ppolicy; 389 Directory Server. */
const SWITCHES = ['userAccountControl', 'pwdAccountLockedTime', 'nsAccountLock'] as const;

/** ADS_UF_ACCOUNTDISABLE */
const ACCOUNT_DISABLE = 0x2;
/** Locked by an administrator and not by wrong passwords, which end by themselves. */
const LOCKED_FOR_EVER = '000001010000Z';

/** All that is asked of the directory about a user. */
export function attributesOf({ attributes }: Pick<LdapUsersConfig, 'attributes'>): string[] {
  return [...Object.values(attributes), ...SWITCHES];
}

/**
 * The user of an entry. An attribute of one value is a text, of several a list; `groups` is always a list.
 *
 * @throws UnclearAnswer when the entry has no `sub`, or more than one.
 */
export function readUser(entry: Entry, username: string, attributes: LdapUsersConfig['attributes']): User {
  const read = Object.entries(attributes).map(([ours, theirs]) => [ours, toAttribute(ours, valuesOf(entry, theirs))]);
  const user = Object.fromEntries(read.filter(([, value]) => value !== undefined));
  const { sub } = user;
  if (typeof sub !== 'string') throw new UnclearAnswer(`the entry has no single value of ${attributes.sub}, the sub`);
  return { sub, username, attributes: { ...user, sub, username } };
}

export function isDisabled(entry: Entry): boolean {
  const [control, lockedTime, lock] = SWITCHES.map((name) => valuesOf(entry, name)[0]);
  return (
    (Number(control ?? 0) & ACCOUNT_DISABLE) !== 0 || lockedTime === LOCKED_FOR_EVER || lock?.toLowerCase() === 'true'
  );
}

/** Attribute names know no case (RFC 4512 §2.5). Values that are no text become base64. */
export function valuesOf(entry: Entry, attribute: string): string[] {
  const name = Object.keys(entry).find((key) => key.toLowerCase() === attribute.toLowerCase());
  const values = name === undefined ? [] : [entry[name] ?? []].flat();
  return values.map((value) => (typeof value === 'string' ? value : value.toString('base64')));
}

function toAttribute(name: string, values: readonly string[]): string | readonly string[] | undefined {
  if (name === 'groups') return values;
  return values.length > 1 ? values : values[0];
}
