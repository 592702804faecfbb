import * as z from 'zod';
import { client } from './client-section.ts';
import { admin, listen } from './listen-section.ts';
import { login_limits } from './login-limits-section.ts';
import type { Warning } from './problem.ts';
import { mode, route } from './route-section.ts';
import { section } from './section.ts';
import { tokens, type trustedIssuer } from './tokens-section.ts';
import { upstream } from './upstream-section.ts';
import { fileUsers, ldapUsers, moduleUsers, sqlUsers } from './user-store-sections.ts';
import { hasNoDots, NO_DOTS, oneOrMore, optional, text, timeout, url } from './values.ts';
import { legacyLoginUsers, oauthUsers } from './web-user-sections.ts';

/**
 * The words of gateway.yaml. They are used as they are in the code, so that a search for a key finds all that it does.
 * Durations are milliseconds here, sizes are bytes.
 */

/** The path of one of the gateway's own endpoints. */
const endpointPath = z
  .string({ error: 'expected a path that starts with /' })
  .regex(/^(\/[A-Za-z0-9._~-]+)+$/, 'expected a path such as /auth/v1/token, without a slash at its end')
  .refine(hasNoDots, NO_DOTS);

/** What operators call their upstreams and user stores; it is read in logs and metrics. */
const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'a name has letters, digits, ., _ and - only');

export const store = section({
  redis: optional(
    // Options in the query would overrule those that keep the store from hanging.
    url(['redis', 'rediss'], { credentials: true, query: false }).refine(
      (value) => !URL.canParse(value) || /^\/?\d*$/.test(new URL(value).pathname),
      'expected the number of a database as the path of the URL, or no path',
    ),
  ).describe(
    '`redis://[user:password@]host:port[/database]`, or `rediss://` for TLS. No query. Without it, one process keeps everything in memory.',
  ),
  // Braces would be the hash tag of every key, and so put them all on one slot of a cluster.
  key_prefix: text
    .regex(/^[A-Za-z0-9._:-]+$/, 'a key prefix has letters, digits, ., _, : and - only')
    .default('postern')
    .describe('Begins the name of each key in Redis: letters, digits, `.`, `_`, `:` and `-`.'),
  timeout: timeout.prefault('500ms').describe('How long Redis may take to answer.'),
}).describe(
  'Where refresh tokens, sessions, revoked tokens, failed logins, request rates, used client assertions and generated signing keys are kept.',
);

export const endpoints = section({
  token: endpointPath.default('/token').describe('The token endpoint: `POST` of a form of at most 16 kb (413 above).'),
  revoke: endpointPath
    .default('/revoke')
    .describe('Revocation (RFC 7009): see [revocation and introspection](#revocation-and-introspection).'),
  introspect: endpointPath.default('/introspect').describe('Introspection (RFC 7662), for clients that authenticate.'),
  jwks: endpointPath.default('/.well-known/jwks.json').describe('The public keys.'),
  cors_origins: z
    .array(
      z
        .string({ error: 'expected an origin such as https://app.example.com' })
        .refine(isOrigin, 'expected an origin such as https://app.example.com, in lower case and without a path'),
      { error: 'expected a list of origins' },
    )
    .default([])
    .describe('Origins such as `https://app.example.com` whose scripts may call these endpoints from a browser.'),
}).describe(
  "Paths of the gateway's own endpoints. They come before all routes; a route with one of these paths is an error.",
);

/** As a browser writes it in the Origin header (RFC 6454 §6.2). */
function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}

const users = z.discriminatedUnion(
  'type',
  [fileUsers, sqlUsers, ldapUsers, legacyLoginUsers, oauthUsers, moduleUsers],
  {
    error: 'expected a user store with a `type`: file, sql, ldap, legacy_login, oauth or module',
  },
);

export const log = section({
  level: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'], {
      error: 'expected trace, debug, info, warn, error or silent',
    })
    .default('info')
    .describe(
      '`trace`, `debug`, `info`, `warn`, `error` or `silent`. Requests are logged at `info`, those with a status of 500 or more at `error`, those that [report mode](#mode) has let pass at `warn`; accepted logins at `info`, others at `warn`.',
    ),
  format: z
    .enum(['json', 'pretty'], { error: 'expected json or pretty' })
    .default('json')
    .describe('`json`, one record per line, or `pretty`, for people.'),
}).describe(
  'Logs go to standard output. Passwords, tokens and queries are never in them. Lines are written every ten milliseconds; a reader that takes nothing until 64 MiB wait loses those behind them.',
);

/** Other files of the same configuration, read before all sections, which may be in those. */
export const include = oneOrMore(
  text.refine((path) => !path.includes('**'), 'expected a path in which * is a part of one name; there is no **'),
  'expected a path such as routes/*.yaml, or a list of them',
).describe('Other files that hold a part of the configuration: a path such as `routes/*.yaml`, or a list of them.');

/** The whole file, a section a key. `users` and `upstreams` are named by the operator. */
export const sections = {
  listen: listen.prefault({}),
  admin: admin.prefault({}),
  store: store.prefault({}),
  tokens,
  endpoints: endpoints.prefault({}),
  clients: z
    .array(client, { error: 'expected a list of clients' })
    .min(1, 'expected at least one client')
    .describe('Who may ask for tokens, and how each of them proves who it is: a list of at least one.'),
  users: z
    .record(name, users, { error: 'expected a mapping of names to user stores' })
    .refine((stores) => Object.keys(stores).length > 0, 'expected at least one user store')
    .describe(
      'A mapping of names to user stores; at least one. Names have letters, digits, `.`, `_` and `-`, and begin with a letter or digit.',
    ),
  login_limits: login_limits.prefault({}),
  upstreams: z
    .record(name, upstream, { error: 'expected a mapping of names to upstreams' })
    .describe('A mapping of names to the servers behind the gateway. Names are as in `users`.'),
  /** Of routes that do not say it themselves. */
  mode: mode
    .default('enforce')
    .describe(
      'What becomes of requests that a route would refuse for their token: `enforce`, the default, or `report`. It is the mode of all routes that do not have their own.',
    ),
  routes: z
    .array(route, { error: 'expected a list of routes' })
    .describe('Which requests pass, and what each of them needs: a list. Where a route stands in it does not matter.'),
  log: log.prefault({}),
} as const;

export interface Position {
  /** As it was given on the command line, or relative to the working directory. */
  readonly file: string;
  /** Both count from 1. */
  readonly line: number;
  readonly column: number;
}

export type ListenConfig = z.output<typeof listen>;
export type AdminConfig = z.output<typeof admin>;
export type StoreConfig = z.output<typeof store>;
export type TokensConfig = z.output<typeof tokens>;
export type TrustedIssuerConfig = z.output<typeof trustedIssuer>;
export type EndpointsConfig = z.output<typeof endpoints>;
export type ClientConfig = z.output<typeof client>;
export type UserStoreConfig = z.output<typeof users>;
export type FileUsersConfig = z.output<typeof fileUsers>;
export type SqlUsersConfig = z.output<typeof sqlUsers>;
export type LdapUsersConfig = z.output<typeof ldapUsers>;
export type LegacyLoginUsersConfig = z.output<typeof legacyLoginUsers>;
export type SignsConfig = LegacyLoginUsersConfig['accept'];
export type OAuthUsersConfig = z.output<typeof oauthUsers>;
export type ModuleUsersConfig = z.output<typeof moduleUsers>;
export type LoginLimitsConfig = z.output<typeof login_limits>;
export type UpstreamConfig = z.output<typeof upstream>;
export type RouteConfig = z.output<typeof route> & { readonly mode: z.output<typeof mode>; readonly at: Position };
export type LogConfig = z.output<typeof log>;

/** A gateway.yaml that holds no mistake. */
export interface Config {
  /** gateway.yaml, as it was given. */
  readonly file: string;
  /** The folder of gateway.yaml: paths in it are relative to it. */
  readonly directory: string;
  /**
   * All that it was read from and all that it names, absolute: gateway.yaml first, what it includes, what `${file:…}` reads,
   * users, certificates and keys. Also the folders in which the patterns of `include` were looked for: they change when a
   * file comes or goes.
   */
  readonly files: readonly string[];
  readonly warnings: readonly Warning[];
  readonly mode: RouteConfig['mode'];
  readonly listen: ListenConfig;
  readonly admin: AdminConfig;
  readonly store: StoreConfig;
  readonly tokens: TokensConfig;
  readonly endpoints: EndpointsConfig;
  readonly clients: readonly ClientConfig[];
  readonly users: Readonly<Record<string, UserStoreConfig>>;
  readonly login_limits: LoginLimitsConfig;
  readonly upstreams: Readonly<Record<string, UpstreamConfig>>;
  readonly routes: readonly RouteConfig[];
  readonly log: LogConfig;
}
