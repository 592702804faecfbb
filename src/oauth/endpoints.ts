import type { Config } from '../config/schema.ts';
import type { LoginLimits } from '../limits/login-limits.ts';
import type { Log } from '../observe/log.ts';
import { createLoginEvents } from '../observe/login-events.ts';
import type { Metrics } from '../observe/metrics.ts';
import { TokenMint } from '../tokens/mint.ts';
import type { RefreshFamilies } from '../tokens/refresh-families.ts';
import type { SigningKeys } from '../tokens/signing-keys.ts';
import type { HashVerifier } from '../users/password-hash/hash-pool.ts';
import type { UserStores } from '../users/user-stores.ts';
import { ClientAuthentication } from './client-authentication/authenticate.ts';
import { createJwksEndpoint, createMetadataEndpoint, metadataPaths } from './documents.ts';
import type { Endpoint } from './endpoint.ts';
import { PasswordGrant } from './grants/password.ts';
import { RefreshTokenGrant } from './grants/refresh-token.ts';
import { createTokenEndpoint } from './token.ts';

export interface EndpointParts {
  readonly config: Config;
  readonly users: UserStores;
  readonly hashes: HashVerifier;
  readonly limits: LoginLimits;
  readonly families: RefreshFamilies;
  readonly keys: SigningKeys;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** All that the gateway answers itself, by path. */
export function createEndpoints(parts: EndpointParts): ReadonlyMap<string, Endpoint> {
  const { config, keys } = parts;
  const metadata = createMetadataEndpoint(config);
  return new Map([
    ...metadataPaths(config.tokens.issuer).map((path) => [path, metadata] as const),
    [config.endpoints.jwks, createJwksEndpoint(keys)],
    [config.endpoints.token, createToken(parts)],
  ]);
}

function createToken({ config, users, hashes, limits, families, keys, log, metrics }: EndpointParts): Endpoint {
  const minFailureTimeMs = config.login_limits.min_failure_time;
  const reportLogin = createLoginEvents(log, metrics);
  return createTokenEndpoint({
    clients: new ClientAuthentication(config.clients, limits, hashes),
    grants: [
      new PasswordGrant({ users, limits, families, minFailureTimeMs, reportLogin }),
      new RefreshTokenGrant({ families, users }),
    ],
    mint: new TokenMint(config.tokens, keys),
    accessTokenTtlMs: config.tokens.access_token_ttl,
    countIssued: (labels) => metrics.tokens.inc(labels),
  });
}
