import { z } from 'zod';
import { passwords } from './passwords.ts';
import { section } from './section.ts';
import { parametersOf } from './sql-parameters.ts';
import { count, flag, optional, text, timeout, url } from './values.ts';

/** The kinds of user store, by their `type`. */

/** How a store stands among the others. */
export const search = {
  optional: flag.default(false),
  continue_on_reject: flag.default(false),
  shadow: optional(text),
};

/** For a `rehash` that keeps new hashes in the gateway's own store. */
export const OVERLAY = 'overlay';

const REHASH = 'expected `overlay`, or an update with $1, the username, $2, the new hash, and maybe $3, the old one';

/** Bounds of what is asked of others. The default time-out lets an outage be told within a second. */
export const bounds = { timeout: timeout.prefault('800ms'), concurrency: count(1, 1000).default(10) };

export const tls = section({ ca_file: optional(text) }).optional();

const overlay = optional(
  z.literal(OVERLAY, { error: 'expected `overlay`: the hashes of this user store cannot be replaced in it' }),
);

export const fileUsers = section({ type: z.literal('file'), path: text, ...passwords, rehash: overlay, ...search });

export const sqlUsers = section({
  type: z.literal('sql'),
  // Options in the query would overrule those that bound every wait.
  url: url(['postgres', 'postgresql', 'mysql', 'mariadb'], { credentials: true, query: false })
    .refine(
      (value) => !URL.canParse(value) || /^\/[^/]+$/.test(new URL(value).pathname),
      'expected the name of a database as the path of the URL',
    )
    .refine(isDecodable, 'a % in a URL is written %25'),
  tls,
  query: text.refine(hasOneParameter, 'expected a query with one parameter, $1: the username'),
  ...passwords,
  rehash: optional(
    text.refine((value) => value === OVERLAY || /^1,2(,3)?$/.test(numbersIn(value).sort().join()), REHASH),
  ),
  ...bounds,
  ...search,
});

const ldapUrl = url(['ldap', 'ldaps'], { path: false, query: false });
const ldapUrls = z.union([ldapUrl, z.array(ldapUrl).min(1, 'expected at least one server')], {
  error: 'expected a URL that starts with ldap:// or ldaps://, without path, query or credentials, or a list of them',
});

/** An LDAP filter (RFC 4515) in which `{name}` stands for what is filled in. */
const filter = (names: readonly string[]) =>
  text
    .refine(isBalanced, 'expected an LDAP filter such as (uid={username}), each parenthesis closed (RFC 4515)')
    .refine(
      (value) => withoutNames(value, names) !== value && !/[{}]/.test(withoutNames(value, names)),
      `expected ${list(names)} in the filter, and no other braces`,
    );

export const ldapUsers = section({
  type: z.literal('ldap'),
  url: ldapUrls.transform((urls) => (typeof urls === 'string' ? [urls] : urls)),
  start_tls: flag.default(false),
  tls,
  bind_dn: optional(text),
  bind_password: optional(text),
  base_dn: optional(text),
  filter: optional(filter(['username'])),
  user_dn: optional(
    text.regex(
      /^[^={}]+=[^{}]*\{username\}[^{}]*$/,
      'expected a distinguished name with {username} in it, such as uid={username},ou=people,dc=example,dc=com',
    ),
  ),
  /** Ours to the directory's. A `sub` is needed: as typed, one user of a directory has names in many spellings. */
  attributes: z
    .object({ sub: text }, { error: 'expected a mapping of attributes to those of the directory' })
    .catchall(text)
    .refine((attributes) => !('username' in attributes), 'the attribute `username` is always the name that was typed'),
  groups: section({
    base_dn: text,
    filter: filter(['dn', 'username']).default('(member={dn})'),
    attribute: text.default('cn'),
  }).optional(),
  ...bounds,
  ...search,
});

export const moduleUsers = section({ type: z.literal('module'), path: text, ...bounds, ...search });

function isDecodable(value: string): boolean {
  try {
    return decodeURIComponent(value) !== '';
  } catch {
    return false;
  }
}

/** It may be used more than once. */
function hasOneParameter(query: string): boolean {
  return numbersIn(query).join() === '1';
}

function numbersIn(query: string): string[] {
  return [...new Set(parametersOf(query))];
}

function isBalanced(value: string): boolean {
  let depth = 0;
  for (const character of value) {
    depth += character === '(' ? 1 : character === ')' ? -1 : 0;
    if (depth < 0) return false;
  }
  return depth === 0 && value.startsWith('(') && value.endsWith(')');
}

function withoutNames(value: string, names: readonly string[]): string {
  return names.reduce((rest, name) => rest.replaceAll(`{${name}}`, ''), value);
}

function list(names: readonly string[]): string {
  return names.map((name) => `{${name}}`).join(' or ');
}
