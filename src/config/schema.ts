import { z } from 'zod';
import { client } from './client-section.ts';
import type { Warning } from './problem.ts';
import { mode, route } from './route-section.ts';
import { section } from './section.ts';
import { fileUsers, ldapUsers, moduleUsers, sqlUsers } from './user-store-sections.ts';
import {
  count,
  encryptionKey,
  endpoint,
  hasNoDots,
  hostName,
  NO_DOTS,
  optional,
  positiveDuration,
  size,
  text,
  timeout,
  url,
  wait,
} from './values.ts';
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

const HEADER_NAME = 'expected the name of a header (RFC 9110 §5.6.2)';
const headerName = z.string({ error: HEADER_NAME }).regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, HEADER_NAME);
const COOKIE_NAME = 'expected the name of a cookie (RFC 6265 §4.1.1)';
const cookieName = z.string({ error: COOKIE_NAME }).regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, COOKIE_NAME);
const headerValue = text.regex(/^[\x20-\x7e]*$/, 'a header has visible ASCII characters and spaces only');

/** What `claims` may hold: any tree of YAML; `{user.x}` in its texts reads the verified user. */
const claims = z.record(z.string(), z.json(), { error: 'expected a mapping of claims to values' });

export const listen = section({
  address: endpoint.prefault('127.0.0.1:8080'),
  trusted_proxies: z
    .array(
      z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], { error: 'expected an address range such as 10.0.0.0/8' }),
      { error: 'expected a list of address ranges' },
    )
    .default([]),
  tls: section({ certificate_file: text, private_key_file: text, client_ca_file: optional(text) }).optional(),
  client_certificate_header: optional(headerName),
  client_certificate_ca_file: optional(text),
  max_connections: count(1, 1_000_000).default(10_000),
  max_header_size: size
    .refine((bytes) => bytes >= 1024 && bytes <= 1024 ** 2, 'expected a size from 1kb to 1mb')
    .prefault('16kb'),
  header_timeout: timeout.prefault('10s'),
  request_timeout: timeout.prefault('60s'),
  keep_alive_timeout: timeout.prefault('65s'),
  shutdown_grace: wait.prefault('25s'),
});

export const admin = section({
  address: endpoint.prefault('127.0.0.1:9901'),
  /** Empty means none, so that `${POSTERN_ADMIN_TOKEN:-}` may be left unset. */
  token: z.string({ error: 'expected text' }).default(''),
});

export const store = section({
  redis: optional(
    // Options in the query would overrule those that keep the store from hanging.
    url(['redis', 'rediss'], { credentials: true, query: false }).refine(
      (value) => !URL.canParse(value) || /^\/?\d*$/.test(new URL(value).pathname),
      'expected the number of a database as the path of the URL, or no path',
    ),
  ),
  // Braces would be the hash tag of every key, and so put them all on one slot of a cluster.
  key_prefix: text
    .regex(/^[A-Za-z0-9._:-]+$/, 'a key prefix has letters, digits, ., _, : and - only')
    .default('postern'),
  timeout: timeout.prefault('500ms'),
});

/** Asymmetric ones only: whoever can check a symmetric signature can make one too (RFC 8725 §3.5). */
const TRUSTED_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];

const trustedIssuer = section({
  issuer: url(['https', 'http'], { query: false }),
  jwks_uri: optional(url(['https', 'http'])),
  audience: text,
  algorithms: z
    .array(z.enum(TRUSTED_ALGORITHMS, { error: `expected one of ${TRUSTED_ALGORITHMS.join(', ')}` }), {
      error: 'expected a list of algorithms',
    })
    .min(1, 'leave `algorithms` out for RS256')
    .default(['RS256']),
  scope_claim: z
    .enum(['scope', 'scp', 'permissions'], { error: 'expected scope, scp or permissions' })
    .default('scope'),
});

export const tokens = section({
  issuer: url(['https', 'http'], { query: false }),
  audience: text,
  access_token_ttl: positiveDuration.prefault('15m'),
  id_token_ttl: positiveDuration.prefault('15m'),
  signing: section({
    algorithm: z
      .enum(['RS256', 'PS256', 'ES256', 'EdDSA'], { error: 'expected RS256, PS256, ES256 or EdDSA' })
      .default('RS256'),
    keys_dir: optional(text),
    rotate_every: positiveDuration.prefault('90d'),
    overlap: positiveDuration.prefault('1d'),
    // Not left out when it is empty: a variable that came without its value would leave the keys unprotected.
    encryption_key: encryptionKey.optional(),
  }).prefault({}),
  claims: claims.default({}),
  id_token_claims: claims.default({}),
  trusted_issuers: z.array(trustedIssuer, { error: 'expected a list of issuers' }).default([]),
});

export const endpoints = section({
  token: endpointPath.default('/token'),
  revoke: endpointPath.default('/revoke'),
  introspect: endpointPath.default('/introspect'),
  jwks: endpointPath.default('/.well-known/jwks.json'),
  cors_origins: z
    .array(
      z
        .string({ error: 'expected an origin such as https://app.example.com' })
        .refine(isOrigin, 'expected an origin such as https://app.example.com, in lower case and without a path'),
      { error: 'expected a list of origins' },
    )
    .default([]),
});

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

const windowLimit = (failures: number, per: string) =>
  section({ failures: count(1).default(failures), per: positiveDuration.prefault(per) }).prefault({});

export const login_limits = section({
  user_and_address: section({
    failures: count(1).default(5),
    lock: positiveDuration.prefault('1m'),
    max_lock: positiveDuration.prefault('15m'),
    forget_after: positiveDuration.prefault('12h'),
  }).prefault({}),
  user: windowLimit(50, '1h'),
  address: windowLimit(100, '10m'),
  client: windowLimit(1000, '10m'),
  min_failure_time: wait.prefault('500ms'),
  concurrent_checks: count(1, 1024).default(4),
  queue: count(0, 1_000_000).default(64),
});

export const upstream = section({
  targets: z
    .array(url(['http', 'https'], { path: false, query: false }), { error: 'expected a list of URLs' })
    .min(1, 'an upstream needs a target'),
  balance: z.enum(['round_robin'], { error: 'expected round_robin' }).default('round_robin'),
  connect_timeout: timeout.prefault('5s'),
  response_timeout: timeout.nullable().prefault('30s'),
  idle_timeout: timeout.prefault('5m'),
  host: hostName.default('preserve'),
  authorization: z.enum(['keep', 'remove'], { error: 'expected keep or remove' }).default('keep'),
  identity_headers: z
    .record(headerName, headerValue, { error: 'expected a mapping of header names to values' })
    .default({}),
  cookies: z.record(cookieName, headerValue, { error: 'expected a mapping of cookie names to values' }).default({}),
});

export const log = section({
  level: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'], {
      error: 'expected trace, debug, info, warn, error or silent',
    })
    .default('info'),
  format: z.enum(['json', 'pretty'], { error: 'expected json or pretty' }).default('json'),
});

/** The whole file, a section a key. `users` and `upstreams` are named by the operator. */
export const sections = {
  listen: listen.prefault({}),
  admin: admin.prefault({}),
  store: store.prefault({}),
  tokens,
  endpoints: endpoints.prefault({}),
  clients: z.array(client, { error: 'expected a list of clients' }).min(1, 'expected at least one client'),
  users: z
    .record(name, users, { error: 'expected a mapping of names to user stores' })
    .refine((stores) => Object.keys(stores).length > 0, 'expected at least one user store'),
  login_limits: login_limits.prefault({}),
  upstreams: z.record(name, upstream, { error: 'expected a mapping of names to upstreams' }),
  /** Of routes that do not say it themselves. */
  mode: mode.default('enforce'),
  routes: z.array(route, { error: 'expected a list of routes' }),
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
  /** All that it was read from and all that it names, gateway.yaml itself first: absolute paths. */
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
