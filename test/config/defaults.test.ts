import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';

const config = loadConfig('test/config/golden/minimal.yaml');

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Undefined: the key may be left out, and has no default. */
const defaults: readonly [key: string, value: unknown][] = [
  ['listen.address', { host: '127.0.0.1', port: 8080 }],
  ['listen.workers', 1],
  ['listen.trusted_proxies', []],
  ['listen.tls', undefined],
  ['listen.client_certificate_header', undefined],
  ['listen.client_certificate_ca_file', undefined],
  ['listen.max_header_size', 16 * 1024],
  ['listen.header_timeout', 10 * SECOND],
  ['listen.request_timeout', 60 * SECOND],
  ['listen.keep_alive_timeout', 65 * SECOND],
  ['listen.max_connections', 10_000],
  ['listen.max_connections_per_address', 1000],
  ['listen.shutdown_grace', 25 * SECOND],
  ['admin.address', { host: '127.0.0.1', port: 9901 }],
  ['admin.token', ''],
  ['store.redis', undefined],
  ['store.key_prefix', 'postern'],
  ['store.timeout', 500],
  ['tokens.access_token_ttl', 15 * MINUTE],
  ['tokens.id_token_ttl', 15 * MINUTE],
  ['tokens.signing.algorithm', 'RS256'],
  ['tokens.signing.keys_dir', undefined],
  ['tokens.signing.rotate_every', 90 * DAY],
  ['tokens.signing.overlap', DAY],
  ['tokens.signing.encryption_key', undefined],
  ['tokens.claims', {}],
  ['tokens.id_token_claims', {}],
  ['tokens.trusted_issuers', []],
  ['endpoints.token', '/token'],
  ['endpoints.revoke', '/revoke'],
  ['endpoints.introspect', '/introspect'],
  ['endpoints.cors_origins', []],
  ['endpoints.jwks', '/.well-known/jwks.json'],
  ['clients.0.name', undefined],
  ['clients.0.secret_sha256', undefined],
  ['clients.0.secret_hash', undefined],
  ['clients.0.secret', undefined],
  ['clients.0.jwks', undefined],
  ['clients.0.jwks_uri', undefined],
  ['clients.0.tls_subject_dn', undefined],
  ['clients.0.tls_san_dns', undefined],
  ['clients.0.tls_san_uri', undefined],
  ['clients.0.tls_san_ip', undefined],
  ['clients.0.tls_san_email', undefined],
  ['clients.0.bind_tokens', undefined],
  ['clients.0.default_scopes', []],
  ['clients.0.id_token', false],
  ['clients.0.access_token_ttl', undefined],
  ['clients.0.refresh.idle_ttl', 14 * DAY],
  ['clients.0.refresh.max_ttl', 90 * DAY],
  ['clients.0.refresh.rotate', true],
  ['clients.0.refresh.retry_grace', 5 * SECOND],
  ['clients.0.users', undefined],
  ['clients.0.rate_limit', undefined],
  ['users.staff.hash', undefined],
  ['users.staff.unicode', 'raw'],
  ['users.staff.optional', false],
  ['users.staff.continue_on_reject', false],
  ['users.staff.rehash', undefined],
  ['users.staff.shadow', undefined],
  ['login_limits.user_and_address.failures', 5],
  ['login_limits.user_and_address.lock', MINUTE],
  ['login_limits.user_and_address.max_lock', 15 * MINUTE],
  ['login_limits.user_and_address.forget_after', 12 * HOUR],
  ['login_limits.user', { failures: 50, per: HOUR }],
  ['login_limits.address', { failures: 100, per: 10 * MINUTE }],
  ['login_limits.client', { failures: 1000, per: 10 * MINUTE }],
  ['login_limits.min_failure_time', 500],
  ['login_limits.concurrent_checks', 'auto'],
  ['login_limits.queue', 64],
  ['upstreams.travel.balance', 'round_robin'],
  ['upstreams.travel.connect_timeout', 5 * SECOND],
  ['upstreams.travel.response_timeout', 30 * SECOND],
  ['upstreams.travel.idle_timeout', 5 * MINUTE],
  ['upstreams.travel.host', 'preserve'],
  ['upstreams.travel.authorization', 'keep'],
  ['upstreams.travel.identity_headers', {}],
  ['upstreams.travel.cookies', {}],
  ['routes.0.methods', undefined],
  ['routes.0.scopes', []],
  ['routes.0.any_scope', []],
  ['routes.0.require', {}],
  ['routes.0.audience', undefined],
  ['routes.0.issuers', ['self']],
  ['routes.0.public', false],
  ['routes.0.rewrite', undefined],
  ['routes.0.strip_prefix', undefined],
  ['mode', 'enforce'],
  ['routes.0.mode', 'enforce'],
  ['routes.0.websocket', false],
  ['routes.0.max_body', 10 * 1024 ** 2],
  ['routes.0.encoded_slashes', false],
  ['routes.0.host', undefined],
  ['log.level', 'info'],
  ['log.format', 'json'],
];

for (const [key, value] of defaults) {
  test(`${key} is ${JSON.stringify(value) ?? 'absent'} unless the file says otherwise`, () => {
    assert.deepEqual(valueAt(key), value);
  });
}

/** What the minimal file itself says. */
const GIVEN = ['tokens.issuer', 'tokens.audience', 'clients.0.id', 'clients.0.auth', 'clients.0.grants']
  .concat([
    'clients.0.scopes',
    'users.staff.type',
    'users.staff.path',
    'upstreams.travel.targets',
    'routes.0.path',
    'routes.0.upstream',
  ])
  .concat(['routes.0.at', 'file', 'directory', 'files', 'warnings']);

test('the table has every default', () => {
  const known = [...GIVEN, ...defaults.map(([key]) => key)];
  const missing = leaves(config).filter((leaf) => !known.some((key) => leaf === key || leaf.startsWith(`${key}.`)));
  assert.deepEqual(missing, []);
});

function valueAt(key: string): unknown {
  return key.split('.').reduce((value: unknown, step) => (value as Record<string, unknown>)[step], config);
}

function leaves(value: unknown, path: readonly string[] = []): string[] {
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) return [path.join('.')];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
}
