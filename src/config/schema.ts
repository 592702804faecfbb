import { z } from 'zod';
import { section } from './section.ts';
import { count, duration, endpoint, flag, positiveDuration, size, text, url } from './values.ts';

/**
 * The words of gateway.yaml. They are used as they are in the code, so that a search for a key finds all that it does.
 * Durations are milliseconds here, sizes are bytes.
 */

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/** RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E ). */
const scope = z
  .string({ error: 'expected a scope' })
  .regex(
    /^[\x21\x23-\x5b\x5d-\x7e]+$/,
    'a scope has no spaces, quotes, backslashes or non-ASCII characters (RFC 6749 §3.3)',
  );
const scopes = z.array(scope, { error: 'expected a list of scopes' });

/** The path of one of the gateway's own endpoints. */
const endpointPath = z
  .string({ error: 'expected a path that starts with /' })
  .regex(/^(\/[A-Za-z0-9._~-]+)+$/, 'expected a path such as /auth/v1/token, without a slash at its end');

const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'expected the name of a header (RFC 9110 §5.6.2)');

const hostName = z
  .string({ error: 'expected a host name' })
  .regex(/^([A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?$/, 'expected a host name such as api.example.com');

/** What `claims` may hold: any tree of YAML; `{user.x}` in its texts reads the verified user. */
const claims = z.record(z.string(), z.json(), { error: 'expected a mapping of claims to values' });

export const listen = section({
  address: endpoint.prefault('127.0.0.1:8080'),
  trusted_proxies: z
    .array(
      z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], { error: 'expected an address range such as 10.0.0.0/8' }),
    )
    .default([]),
  max_header_size: size.prefault('16kb'),
  header_timeout: positiveDuration.prefault('10s'),
  request_timeout: positiveDuration.prefault('60s'),
  keep_alive_timeout: positiveDuration.prefault('65s'),
  shutdown_grace: duration.prefault('25s'),
});

export const admin = section({
  address: endpoint.prefault('127.0.0.1:9901'),
  /** Empty means none, so that `${POSTERN_ADMIN_TOKEN:-}` may be left unset. */
  token: z.string({ error: 'expected text' }).default(''),
});

export const store = section({
  redis: url(['redis', 'rediss'], { credentials: true }).optional(),
  key_prefix: text.default('postern'),
  timeout: positiveDuration.prefault('500ms'),
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
    keys_dir: text.optional(),
  }).prefault({}),
  claims: claims.default({}),
  id_token_claims: claims.default({}),
});

export const endpoints = section({
  token: endpointPath.default('/token'),
  jwks: endpointPath.default('/.well-known/jwks.json'),
});

export const client = section({
  id: text.regex(/^[\x21-\x39\x3b-\x7e]+$/, 'a client id is visible ASCII without a colon, so that it fits into Basic'),
  name: text.optional(),
  auth: z.enum(['none', 'client_secret_basic', 'client_secret_post'], {
    error: 'expected none, client_secret_basic or client_secret_post',
  }),
  secret_sha256: z
    .string({ error: 'expected the SHA-256 of the secret, in quotes' })
    .regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits, in lower case')
    .optional(),
  secret_hash: text.optional(),
  secret: text.optional(),
  grants: z
    .array(z.enum(['password', 'refresh_token'], { error: 'expected password or refresh_token' }))
    .min(1, 'a client without a grant can do nothing'),
  scopes,
  default_scopes: scopes.default([]),
  id_token: flag.default(false),
  access_token_ttl: positiveDuration.optional(),
  refresh: section({
    idle_ttl: positiveDuration.prefault('14d'),
    max_ttl: positiveDuration.prefault('90d'),
    rotate: flag.default(true),
    retry_grace: duration.prefault('5s'),
  }).prefault({}),
  users: z.array(text).min(1, 'leave `users` out for all stores').optional(),
});

const fileUsers = section({ type: z.literal('file'), path: text });
const users = z.discriminatedUnion('type', [fileUsers], { error: 'expected a `type`: file' });

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
  min_failure_time: duration.prefault('500ms'),
  concurrent_checks: count(1, 1024).default(4),
  queue: count(0, 1_000_000).default(64),
});

export const upstream = section({
  targets: z
    .array(url(['http', 'https'], { path: false, query: false }), { error: 'expected a list of URLs' })
    .min(1, 'an upstream needs a target'),
  balance: z.enum(['round_robin'], { error: 'expected round_robin' }).default('round_robin'),
  connect_timeout: positiveDuration.prefault('5s'),
  response_timeout: positiveDuration.nullable().prefault('30s'),
  idle_timeout: positiveDuration.prefault('5m'),
  host: z.union([z.enum(['preserve', 'target']), hostName]).default('preserve'),
  authorization: z.enum(['keep', 'remove'], { error: 'expected keep or remove' }).default('keep'),
  identity_headers: z.record(headerName, text, { error: 'expected a mapping of header names to values' }).default({}),
});

/** `/a/{name}/b`, or `/a/**`: this and all below it. */
const routePath = z
  .string({ error: 'expected a path that starts with /' })
  .regex(
    /^\/$|^(\/(\{[A-Za-z_][A-Za-z0-9_]*\}|[^/{}*?#\\%\s;]+))*(\/\*\*)?$/,
    'expected a path such as /orders, /orders/{id} or /orders/**',
  )
  .refine((path) => path !== '', 'expected a path that starts with /')
  .refine((path) => !/\/\.{1,2}(\/|$)/.test(path), 'a path has no . or .. segments');

export const route = section({
  path: routePath,
  methods: z
    .array(z.enum(METHODS, { error: `expected one of ${METHODS.join(', ')}` }))
    .min(1, 'leave `methods` out for all of them')
    .optional(),
  scopes: scopes.default([]),
  any_scope: scopes.default([]),
  public: flag.default(false),
  upstream: text,
  rewrite: routePath.optional(),
  strip_prefix: endpointPath.optional(),
  websocket: flag.default(false),
  max_body: size.prefault('10mb'),
  encoded_slashes: flag.default(false),
  host: hostName.optional(),
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
    .record(z.string(), users, { error: 'expected a mapping of names to user stores' })
    .refine((stores) => Object.keys(stores).length > 0, 'expected at least one user store'),
  login_limits: login_limits.prefault({}),
  upstreams: z.record(z.string(), upstream, { error: 'expected a mapping of names to upstreams' }),
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
export type EndpointsConfig = z.output<typeof endpoints>;
export type ClientConfig = z.output<typeof client>;
export type UserStoreConfig = z.output<typeof users>;
export type LoginLimitsConfig = z.output<typeof login_limits>;
export type UpstreamConfig = z.output<typeof upstream>;
export type RouteConfig = z.output<typeof route> & { readonly at: Position };
export type LogConfig = z.output<typeof log>;

/** A gateway.yaml that holds no problem. */
export interface Config {
  /** The folder of gateway.yaml: paths in it are relative to it. */
  readonly directory: string;
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
