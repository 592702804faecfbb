import { type CryptoKey, errors, type JWSHeaderParameters, type JWTPayload, type JWTVerifyOptions } from 'jose';

/** What a verified access token says. */
export interface VerifiedToken {
  readonly subject: string;
  /** Undefined where another issuer does not tell. */
  readonly clientId: string | undefined;
  readonly scope: ReadonlySet<string>;
  /** As the token has them, but for `sub`, which is the subject. */
  readonly claims: Readonly<JWTPayload>;
}

/** One issuer whose tokens routes may take: the gateway itself, or another one that it trusts. */
export interface TokenIssuer {
  /** As routes name it. */
  readonly name: string;
  /** What its tokens are for, where a route does not say otherwise. */
  readonly audience: string;
  /** What its tokens are held against. */
  readonly rules: JWTVerifyOptions;
  /**
   * The key that checks tokens with this header, as of now. As long as it is the same one, what it said stands.
   *
   * @throws errors.JOSEError when there is none; GatewayError `temporarily_unavailable` when the keys cannot be had.
   */
  keyFor(header: JWSHeaderParameters): CryptoKey | Promise<CryptoKey>;
  /** What a token says whose signature and registered claims are good. @throws errors.JOSEError when it says it wrongly. */
  read(claims: JWTPayload, header: JWSHeaderParameters): VerifiedToken;
}

export const CLOCK_TOLERANCE_SECONDS = 10;

/** The claim that has to be a text. @throws errors.JWTInvalid when it is none, or empty. */
export function textClaim(claim: unknown, name: string): string {
  if (typeof claim === 'string' && claim !== '') return claim;
  throw new errors.JWTInvalid(`the claim ${name} is not a text`);
}
