import { type CryptoKey, errors, type JWSHeaderParameters, type JWTPayload, type JWTVerifyOptions } from 'jose';
import { SELF } from '../config/route-section.ts';
import type { TokensConfig } from '../config/schema.ts';
import { CLOCK_TOLERANCE_SECONDS, type TokenIssuer, textClaim, type VerifiedToken } from './issuer.ts';
import type { Algorithm, KeySet } from './key-set.ts';
import type { SigningKeys } from './signing-keys.ts';

const ALGORITHMS: Algorithm[] = ['RS256', 'PS256', 'ES256', 'EdDSA'];

/** The keys that its tokens are signed with. */
export type OwnKeys = Pick<SigningKeys, 'loaded' | 'load'>;

/** The gateway itself, whose access tokens have all that RFC 9068 §2.2 asks for. */
export class OwnIssuer implements TokenIssuer {
  readonly name = SELF;
  readonly audience: string;
  readonly rules: JWTVerifyOptions;
  readonly #keys: OwnKeys;

  /** @param audiences all that some route expects of tokens of ours. */
  constructor(config: TokensConfig, audiences: readonly string[], keys: OwnKeys) {
    this.audience = config.audience;
    this.rules = {
      algorithms: ALGORITHMS,
      issuer: config.issuer,
      audience: [...audiences],
      typ: 'at+jwt',
      requiredClaims: ['exp', 'iat', 'sub', 'client_id', 'jti'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
    };
    this.#keys = keys;
  }

  /** The one key that the token names, and only with that key's own algorithm (RFC 8725 §3.1). */
  keyFor(header: JWSHeaderParameters): CryptoKey | Promise<CryptoKey> {
    const { loaded } = this.#keys;
    return loaded ? namedKey(loaded, header) : this.#keys.load().then((keys) => namedKey(keys, header));
  }

  read(claims: JWTPayload): VerifiedToken {
    const { client_id: clientId, scope = '' } = claims;
    const subject = textClaim(subjectOf(claims.sub), 'sub');
    textClaim(claims.jti, 'jti'); // It is what a token is revoked by.
    if (typeof scope !== 'string') throw new errors.JWTInvalid('the claim scope is not a text');
    return {
      subject,
      clientId: textClaim(clientId, 'client_id'),
      scope: new Set(scope.split(' ').filter(Boolean)),
      claims: { ...claims, sub: subject },
    };
  }
}

function namedKey({ byId }: KeySet, { kid, alg }: JWSHeaderParameters): CryptoKey {
  const key = kid === undefined ? undefined : byId.get(kid);
  if (key === undefined || key.algorithm !== alg) throw new errors.JWKSNoMatchingKey();
  return key.publicKey;
}

/** Ours may have `sub: { value: … }` instead of the text of RFC 7519 §4.1.2: see `tokens.claims`. */
function subjectOf(sub: unknown): unknown {
  return typeof sub === 'object' && sub !== null && 'value' in sub ? sub.value : sub;
}
