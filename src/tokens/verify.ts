import { type CryptoKey, decodeJwt, errors, type JWSHeaderParameters, type JWTPayload, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import { SELF } from '../config/route-section.ts';
import type { Config, RouteConfig } from '../config/schema.ts';
import { GatewayError } from '../errors.ts';
import { audiencesOf } from './audiences.ts';
import { CLOCK_TOLERANCE_SECONDS, type TokenIssuer, type VerifiedToken } from './issuer.ts';
import { OwnIssuer, type OwnKeys } from './own-issuer.ts';
import type { RevokedTokens } from './revoked-tokens.ts';
import type { SigningKeys } from './signing-keys.ts';
import { TrustedIssuer } from './trusted-issuer.ts';

/** Whose tokens are taken, and what they have to be for: the issuer's own audience by default. */
export type Taken = Pick<RouteConfig, 'issuers' | 'audience'>;

const OURS: Taken = { issuers: [SELF] };

interface Remembered {
  readonly token: VerifiedToken;
  readonly issuer: TokenIssuer;
  readonly header: JWSHeaderParameters;
  readonly key: CryptoKey;
  readonly expiresAtMs: number;
}

const REMEMBERED_TOKENS = 20_000;
const REMEMBERED_CHARACTERS = 32 * 1024 ** 2;
/** The last moment that a Date can be. */
const LAST_TIME_MS = 8.64e15;

/**
 * Verifies access tokens and remembers those that were good, by the whole token, until they expire or their key is
 * withdrawn: a signature check costs more than all the rest of a request. Failures are not remembered, so that a flood
 * of bad tokens displaces nothing. What a route takes, and whether the token was revoked meanwhile, is checked each time.
 */
export class TokenVerifier {
  readonly #issuers: ReadonlyMap<string, TokenIssuer>;
  readonly #revoked: Pick<RevokedTokens, 'refuse'>;
  readonly #remembered = new LRUCache<string, Remembered>({
    max: REMEMBERED_TOKENS,
    maxSize: REMEMBERED_CHARACTERS,
    sizeCalculation: (_, token) => token.length,
  });

  /** @param issuers by the `iss` of their tokens. */
  constructor(issuers: ReadonlyMap<string, TokenIssuer>, revoked: Pick<RevokedTokens, 'refuse'>) {
    this.#issuers = issuers;
    this.#revoked = revoked;
  }

  /** @throws GatewayError `invalid_token`, or `temporarily_unavailable` while there are no keys to verify with. */
  async verify(token: string, taken: Taken = OURS): Promise<VerifiedToken> {
    try {
      const remembered = this.#remembered.get(token);
      const issuer = remembered?.issuer ?? this.#issuerOf(token);
      if (!taken.issuers.includes(issuer.name)) throw new errors.JWTInvalid('tokens of this issuer are not taken here');
      const verified = remembered && (await stillGood(remembered)) ? remembered : await this.#verifyAnew(token, issuer);
      if (![verified.token.claims.aud].flat().includes(taken.audience ?? issuer.audience)) {
        throw new errors.JWTInvalid('tokens for this audience are not taken here');
      }
      if (issuer.name === SELF) this.#revoked.refuse(verified.token.claims);
      return verified.token;
    } catch (cause) {
      if (cause instanceof errors.JOSEError) throw new GatewayError('invalid_token', { cause });
      throw cause;
    }
  }

  /** Read from a token that nobody has verified yet, so it only chooses what the token will be held against. */
  #issuerOf(token: string): TokenIssuer {
    const issuer = this.#issuers.get(decodeJwt(token).iss ?? '');
    if (issuer === undefined) throw new errors.JWTInvalid('the issuer is unknown');
    return issuer;
  }

  async #verifyAnew(token: string, issuer: TokenIssuer): Promise<Remembered> {
    refuseOtherSpellings(token);
    const { payload, protectedHeader, key } = await jwtVerify(token, (header) => issuer.keyFor(header), issuer.rules);
    const verified: Remembered = {
      token: issuer.read(payload, protectedHeader),
      issuer,
      header: protectedHeader,
      key,
      expiresAtMs: readExpiry(payload),
    };
    this.#remembered.set(token, verified);
    return verified;
  }
}

/**
 * Base64url can write the same bytes in several ways (RFC 4648 §3.5). Header and payload are signed as they are written,
 * but the signature is not, and one token in all its spellings would displace the others from the memory.
 */
function refuseOtherSpellings(token: string): void {
  const signature = token.slice(token.lastIndexOf('.') + 1);
  if (Buffer.from(signature, 'base64url').toString('base64url') === signature) return;
  throw new errors.JWSInvalid('the signature is not in base64url, or not in its one spelling');
}

/** In milliseconds, with the tolerance. JSON has numbers that are no time, such as 1e999. */
function readExpiry({ exp = 0 }: JWTPayload): number {
  const expiresAtMs = (exp + CLOCK_TOLERANCE_SECONDS) * 1000;
  if (expiresAtMs <= LAST_TIME_MS) return expiresAtMs;
  throw new errors.JWTInvalid('the claim exp is not a time');
}

/** What keeps the key from being found is told by verifying anew, which looks for it again. */
async function stillGood({ issuer, header, key, expiresAtMs }: Remembered): Promise<boolean> {
  if (Date.now() >= expiresAtMs) return false;
  return (await issuer.keyFor(header).catch(() => undefined)) === key;
}

/** @param onFailure told the issuer and why, each time that an issuer's keys could not be fetched. */
export function createTokenVerifier(
  config: Pick<Config, 'tokens' | 'routes'>,
  keys: SigningKeys,
  revoked: RevokedTokens,
  onFailure: (issuer: string, cause: unknown) => void,
): TokenVerifier {
  return new TokenVerifier(createIssuers(config, keys, onFailure), revoked);
}

/** All issuers whose tokens some route may take, by the `iss` of their tokens. */
export function createIssuers(
  { tokens, routes }: Pick<Config, 'tokens' | 'routes'>,
  keys: OwnKeys,
  onFailure: (issuer: string, cause: unknown) => void,
): ReadonlyMap<string, TokenIssuer> {
  const own = new OwnIssuer(tokens, audiencesOf(tokens.audience, SELF, routes), keys);
  const trusted = tokens.trusted_issuers.map((config) => {
    const { issuer, audience } = config;
    const audiences = audiencesOf(audience, issuer, routes);
    return [issuer, new TrustedIssuer(config, audiences, (cause) => onFailure(issuer, cause))] as const;
  });
  return new Map<string, TokenIssuer>([[tokens.issuer, own], ...trusted]);
}
