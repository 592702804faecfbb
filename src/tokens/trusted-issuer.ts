import { type CryptoKey, errors, type JWSHeaderParameters, type JWTPayload, type JWTVerifyOptions } from 'jose';
import { attempt, type Finding } from '../config/finding.ts';
import type { TrustedIssuerConfig } from '../config/schema.ts';
import { fetchDiscoveredKeys } from './discovery.ts';
import { CLOCK_TOLERANCE_SECONDS, type TokenIssuer, textClaim, type VerifiedToken } from './issuer.ts';
import { RemoteKeys } from './remote-keys.ts';

/**
 * Another issuer whose access tokens are taken. They are held to less than our own, for many providers write them as they
 * did before RFC 9068: with `typ: JWT` or none, and without `jti`. So the audience is what tells them from other tokens
 * of the same issuer, and what still shows that it is one of those is refused.
 */
export class TrustedIssuer implements TokenIssuer {
  readonly name: string;
  readonly audience: string;
  readonly rules: JWTVerifyOptions;
  readonly keyFor: (header: JWSHeaderParameters) => Promise<CryptoKey>;
  readonly #scopeClaim: TrustedIssuerConfig['scope_claim'];

  /**
   * @param audiences all that some route expects of tokens of this issuer.
   * @param onFailure told why, each time that the issuer's keys could not be fetched.
   */
  constructor(config: TrustedIssuerConfig, audiences: readonly string[], onFailure: (cause: unknown) => void) {
    const { issuer, jwks_uri, audience, algorithms, scope_claim } = config;
    this.name = issuer;
    this.audience = audience;
    this.rules = {
      algorithms,
      issuer,
      audience: [...audiences],
      requiredClaims: ['exp', 'sub'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
    };
    const keys =
      jwks_uri === undefined
        ? new RemoteKeys(issuer, onFailure, (init) => fetchDiscoveredKeys(issuer, init))
        : new RemoteKeys(jwks_uri, onFailure);
    this.keyFor = (header) => keys.find(header);
    this.#scopeClaim = scope_claim;
  }

  read(claims: JWTPayload, header: JWSHeaderParameters): VerifiedToken {
    if (!isAccessToken(claims, header)) throw new errors.JWTInvalid('it is not an access token');
    const { client_id, azp, appid } = claims;
    return {
      subject: textClaim(claims.sub, 'sub'),
      // RFC 9068 §2.2; OpenID Connect Core 1.0 §2, as Keycloak and Auth0 have it; Microsoft's v1.0 tokens.
      clientId: [client_id, azp, appid].find((id): id is string => typeof id === 'string'),
      scope: scopeOf(claims[this.#scopeClaim]),
      claims,
    };
  }
}

/** Whether its keys can be had, and one of them is for one of its algorithms. */
export async function probeIssuer(config: TrustedIssuerConfig): Promise<readonly Finding[]> {
  const { algorithms, audience, jwks_uri } = config;
  const issuer = new TrustedIssuer(config, [audience], () => {});
  return attempt([jwks_uri === undefined ? 'issuer' : 'jwks_uri'], 'issuer-keys', async () => {
    for (const alg of algorithms) if (await hasKey(issuer, alg)) return;
    throw new Error(`none of its keys is for ${algorithms.join(' or ')}`);
  });
}

async function hasKey(issuer: TrustedIssuer, alg: string): Promise<boolean> {
  try {
    return (await issuer.keyFor({ alg })) !== undefined;
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return false;
    if (error instanceof errors.JWKSMultipleMatchingKeys) return true;
    throw error;
  }
}

/** RFC 9068 §2.1, and what providers wrote before it. */
const TYPES = new Set(['jwt', 'application/jwt', 'at+jwt', 'application/at+jwt']);
/** ID tokens (OpenID Connect Core 1.0 §3.1.3.6, §3.3.2.11) and security events (RFC 8417 §2.2) alone have these. */
const FOREIGN_CLAIMS = ['at_hash', 'c_hash', 's_hash', 'events'];
/** What Keycloak writes into the claim `typ` of its other tokens. */
const FOREIGN_TYPES = new Set<unknown>(['ID', 'Refresh', 'Offline', 'Logout']);

function isAccessToken(claims: JWTPayload, { typ = 'JWT' }: JWSHeaderParameters): boolean {
  const { token_use: use = 'access' } = claims; // Amazon Cognito's: id or access.
  return (
    TYPES.has(String(typ).toLowerCase()) &&
    !FOREIGN_CLAIMS.some((name) => Object.hasOwn(claims, name)) &&
    !FOREIGN_TYPES.has(claims.typ) &&
    use === 'access'
  );
}

/** Texts with blanks between them (RFC 8693 §4.2), or a list of them. */
function scopeOf(claim: unknown): ReadonlySet<string> {
  const scope = typeof claim === 'string' ? claim.split(' ').filter(Boolean) : (claim ?? []);
  if (Array.isArray(scope) && scope.every((one) => typeof one === 'string')) return new Set(scope);
  throw new errors.JWTInvalid('the scope is neither a text nor a list of texts');
}
