import type { Config } from '../config/schema.ts';
import type { LoginLimits } from '../limits/login-limits.ts';
import type { RateLimits } from '../limits/rate-limits.ts';
import type { Pace } from '../limits/turns.ts';
import { describeCause, type Log } from '../observe/log.ts';
import { createLoginEvents } from '../observe/login-events.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { CarriedSessions } from '../tokens/carried-sessions.ts';
import type { DpopProofs } from '../tokens/dpop-proofs.ts';
import { TokenMint } from '../tokens/mint.ts';
import type { RefreshFamilies } from '../tokens/refresh-families.ts';
import type { RevokedTokens } from '../tokens/revoked-tokens.ts';
import type { SigningKeys } from '../tokens/signing-keys.ts';
import type { UsedOnce } from '../tokens/used-once.ts';
import type { TokenVerifier } from '../tokens/verify.ts';
import type { HashVerifier } from '../users/password-hash/hash-pool.ts';
import type { UserStores } from '../users/user-stores.ts';
import { SenderBinding } from './binding.ts';
import type { CarriedLogout } from './carried-logout.ts';
import { ClientAuthentication } from './client-authentication/authenticate.ts';
import { allowOrigins } from './cors.ts';
import { createJwksEndpoint, createMetadataEndpoint, endpointUrl, metadataPaths } from './documents.ts';
import type { Endpoint } from './endpoint.ts';
import { ClientCredentialsGrant } from './grants/client-credentials.ts';
import { PasswordGrant } from './grants/password.ts';
import { RefreshTokenGrant } from './grants/refresh-token.ts';
import { createIntrospectionEndpoint } from './introspect.ts';
import { createRevocationEndpoint } from './revoke.ts';
import { createTokenEndpoint } from './token.ts';

export interface EndpointParts {
  readonly config: Config;
  readonly clients: ClientAuthentication;
  readonly users: UserStores;
  readonly limits: LoginLimits;
  readonly rateLimits: RateLimits;
  readonly families: RefreshFamilies;
  readonly revoked: RevokedTokens;
  readonly carried: CarriedSessions;
  readonly carriedLogout: CarriedLogout;
  readonly keys: SigningKeys;
  readonly tokens: TokenVerifier;
  readonly dpop: DpopProofs;
  readonly pace: Pace;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** All that the gateway answers itself, by path. */
export function createEndpoints(parts: EndpointParts): ReadonlyMap<string, Endpoint> {
  const { config, clients, families, revoked, carriedLogout, keys, tokens } = parts;
  const { token, revoke, introspect, jwks, cors_origins: origins } = config.endpoints;
  const metadata = allowOrigins(origins, 'GET', createMetadataEndpoint(config, keys));
  return new Map([
    ...metadataPaths(config.tokens.issuer).map((path) => [path, metadata] as const),
    [jwks, allowOrigins(origins, 'GET', createJwksEndpoint(keys))],
    [token, allowOrigins(origins, 'POST', createToken(parts))],
    [
      revoke,
      allowOrigins(origins, 'POST', createRevocationEndpoint({ clients, families, tokens, revoked, carriedLogout })),
    ],
    [introspect, allowOrigins(origins, 'POST', createIntrospectionEndpoint({ clients, tokens, families }))],
  ]);
}

/** The paths of what `createEndpoints` makes. */
export function endpointPaths({ tokens, endpoints }: Pick<Config, 'tokens' | 'endpoints'>): readonly string[] {
  const { token, revoke, introspect, jwks } = endpoints;
  return [...metadataPaths(tokens.issuer), jwks, token, revoke, introspect];
}

/** What `createClientAuthentication` reads of a configuration. */
export function clientOrigin({ clients, tokens, endpoints }: Pick<Config, 'clients' | 'tokens' | 'endpoints'>) {
  const { issuer } = tokens;
  return { clients, audiences: [issuer, endpointUrl(issuer, endpoints.token)] };
}

export interface ClientParts {
  readonly limits: LoginLimits;
  readonly hashes: HashVerifier;
  readonly usedAssertions: UsedOnce;
  readonly log: Log;
}

export function createClientAuthentication(
  origin: ReturnType<typeof clientOrigin>,
  { log, ...parts }: ClientParts,
): ClientAuthentication {
  return new ClientAuthentication({
    ...origin,
    ...parts,
    onKeysFailure: ({ id }, cause) => log.warn({ client: id, cause: describeCause(cause) }, 'client keys not fetched'),
  });
}

function createToken(parts: EndpointParts): Endpoint {
  const { config, clients, users, limits, rateLimits, families, carried, keys, dpop, pace, log, metrics } = parts;
  const minFailureTimeMs = config.login_limits.min_failure_time;
  const reportLogin = createLoginEvents(log, metrics);
  return createTokenEndpoint({
    clients,
    rateLimits,
    grants: [
      new PasswordGrant({ users, limits, families, carried, minFailureTimeMs, failures: pace.failures, reportLogin }),
      new RefreshTokenGrant({ families, users, carried }),
      new ClientCredentialsGrant(),
    ],
    binding: new SenderBinding(dpop, endpointUrl(config.tokens.issuer, config.endpoints.token)),
    mint: new TokenMint(config, keys),
    accessTokenTtlMs: config.tokens.access_token_ttl,
    countIssued: (labels) => metrics.tokens.inc(labels),
  });
}
