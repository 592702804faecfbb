import * as z from 'zod';
import { passwords } from './passwords.ts';
import { section } from './section.ts';
import { parametersOf } from './sql-parameters.ts';
import { count, flag, optional, text, timeout, url } from './values.ts';

/** The kinds of user store, by their `type`. */

/** How a store stands among the others. */
export const search = {
  optional: flag
    .prefault(false)
    .describe(
      'Whether the other stores are asked when this one is out. If another one then accepts or refuses, that holds, and a warning is logged. If none knows the user, the answer is 503: the one that is out might have.',
    ),
  continue_on_reject: flag
    .prefault(false)
    .describe('Whether whom this store refuses is tried in the next. If none accepts, the refusal stands.'),
  shadow: optional(text).describe('Another store that is asked too, and compared: see [a shadow](users.md#a-shadow).'),
};

/** For a `rehash` that keeps new hashes in the gateway's own store. */
export const OVERLAY = 'overlay';

const REHASH = 'expected `overlay`, or an update with $1, the username, $2, the new hash, and maybe $3, the old one';

/** Bounds of what is asked of others. The default time-out lets an outage be told within a second. */
export const bounds = {
  timeout: timeout
    .prefault('800ms')
    .describe(
      'For all that a login asks of the store: waiting for a turn, connecting, TLS, answers. Hashing is not in it. The default keeps a 503 within a second.',
    ),
  concurrency: count(1, 1000)
    .prefault(10)
    .describe(
      'How many logins and refreshes ask the store at once, each on a connection of its own; 1 to 1000. The others wait, at most 1000 of them, within their `timeout`.',
    ),
};

export const tls = section({
  ca_file: optional(text).meta({
    description: "The authority of the server's certificate, which is verified for the host of the URL.",
    absent: "Node's",
  }),
})
  .optional()
  .describe('How the TLS certificate of the server is verified.');

const overlay = optional(
  z.literal(OVERLAY, { error: 'expected `overlay`: the hashes of this user store cannot be replaced in it' }),
).describe(
  "`overlay`: weak hashes get a better one at a login, kept in the gateway's store. See [better hashes](users.md#better-hashes).",
);

/** The `type` of a user store, as every kind of store has it. */
export function kind<Type extends string>(type: Type) {
  return z
    .literal(type)
    .describe(
      '`file`, `sql`, `ldap`, `legacy_login`, `oauth` or `module`: see [user stores](users.md) for their keys.',
    );
}

export const fileUsers = section({
  type: kind('file'),
  path: text.describe('A `users.yaml` or an Apache htpasswd file. Which one it is, its first line tells.'),
  ...passwords,
  rehash: overlay,
  ...search,
});

export const sqlUsers = section({
  type: kind('sql'),
  // Options in the query would overrule those that bound every wait.
  url: url(['postgres', 'postgresql', 'mysql', 'mariadb'], { credentials: true, query: false })
    .refine(
      (value) => !URL.canParse(value) || /^\/[^/]+$/.test(new URL(value).pathname),
      'expected the name of a database as the path of the URL',
    )
    .refine(isDecodable, 'a % in a URL is written %25')
    .describe('With user, password and database; without options. What URLs reserve is percent-encoded: `p%40ss`.'),
  tls: tls.describe(
    "TLS, with the server's certificate verified for the host of the URL. `ca_file` is the authority; without it (`tls: {}`), those that Node trusts. Without `tls` the connection is in clear text.",
  ),
  query: text
    .refine(hasOneParameter, 'expected a query with one parameter, $1: the username')
    .describe(
      'Finds one user. `$1` is the username, with MySQL too. It is bound, and never a part of the text; it may be used more than once.',
    ),
  ...passwords,
  rehash: optional(
    text.refine((value) => value === OVERLAY || /^1,2(,3)?$/.test(numbersIn(value).sort().join()), REHASH),
  ).describe(
    'Replaces weak hashes at a login: a statement, or `overlay`. See [better hashes](users.md#better-hashes).',
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

const SEARCHER = { description: 'Who searches. Without them the search is anonymous.', absent: 'nobody' };

const SEARCH = {
  description:
    'Where and how to search, the whole subtree. `{username}` is escaped (RFC 4515). More than one entry is an outage; referrals are not followed.',
  absent: '',
};

export const ldapUsers = section({
  type: kind('ldap'),
  url: ldapUrls
    .transform((urls) => (typeof urls === 'string' ? [urls] : urls))
    .describe(
      '`ldap://` or `ldaps://`, one or a list. The first that works is used. Each gets an even part of the time that is left; one that failed is asked last for ten seconds, and a warning is logged.',
    ),
  start_tls: flag
    .prefault(false)
    .describe('StartTLS on `ldap://`. Without it, passwords cross the network in clear text.'),
  tls,
  bind_dn: optional(text).meta(SEARCHER),
  bind_password: optional(text).meta(SEARCHER),
  base_dn: optional(text).meta(SEARCH),
  filter: optional(filter(['username'])).meta(SEARCH),
  user_dn: optional(
    text.regex(
      /^[^={}]+=[^{}]*\{username\}[^{}]*$/,
      'expected a distinguished name with {username} in it, such as uid={username},ou=people,dc=example,dc=com',
    ),
  ).meta({
    description: 'Instead of `base_dn` and `filter`: the DN of the user. `{username}` is escaped (RFC 4514).',
    absent: '',
  }),
  /** Ours to the directory's. A `sub` is needed: as typed, one user of a directory has names in many spellings. */
  attributes: z
    .object(
      { sub: text.describe('The attribute that the subject of the tokens is read from.') },
      { error: 'expected a mapping of attributes to those of the directory' },
    )
    .catchall(text)
    .refine((attributes) => !('username' in attributes), 'the attribute `username` is always the name that was typed')
    .describe(
      "Attributes to read: ours to the directory's. `sub` is needed, and every entry has one value of it. One value becomes text, several a list; `groups` is always a list.",
    ),
  groups: section({
    base_dn: text.describe('Where groups are.'),
    filter: filter(['dn', 'username'])
      .default('(member={dn})')
      .describe(
        "`{dn}` is the user's entry, `{username}` the name as it was typed. For posixGroups: `(memberUid={username})`.",
      ),
    attribute: text
      .default('cn')
      .describe('What of each group becomes an item of the attribute `groups`. At most 999 groups.'),
  })
    .optional()
    .describe('Groups that are searched for.'),
  ...bounds,
  ...search,
});

export const moduleUsers = section({
  type: kind('module'),
  path: text.describe('The module, a file of JavaScript. See [module](users.md#module) for what it exports.'),
  ...bounds,
  ...search,
});

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
