import { errors, type JWTHeaderParameters, type JWTPayload, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import type { TokensConfig } from '../config/schema.ts';
import { GatewayError } from '../errors.ts';
import type { KeySet, SigningKey } from './key-set.ts';
import type { RevokedTokens } from './revoked-tokens.ts';
import type { SigningKeys } from './signing-keys.ts';

/** What a verified access token says. */
export interface VerifiedToken {
  readonly subject: string;
  readonly clientId: string;
  readonly scope: ReadonlySet<string>;
  readonly claims: Readonly<JWTPayload>;
}

interface Remembered {
  readonly token: VerifiedToken;
  readonly key: SigningKey;
  readonly expiresAtMs: number;
}

const CLOCK_TOLERANCE_SECONDS = 10;
const REMEMBERED_TOKENS = 20_000;
const REMEMBERED_CHARACTERS = 32 * 1024 ** 2;

/**
 * Verifies access tokens and remembers those that were good, by the whole token, until they expire or their key is
 * withdrawn: a signature check costs more than all the rest of a request. Failures are not remembered, so that a flood
 * of bad tokens displaces nothing. Whether a token was revoked meanwhile is asked each time.
 */
export class TokenVerifier {
  readonly #config: TokensConfig;
  readonly #keys: SigningKeys;
  readonly #revoked: RevokedTokens;
  readonly #remembered = new LRUCache<string, Remembered>({
    max: REMEMBERED_TOKENS,
    maxSize: REMEMBERED_CHARACTERS,
    sizeCalculation: (_, token) => token.length,
  });

  constructor(config: TokensConfig, keys: SigningKeys, revoked: RevokedTokens) {
    this.#config = config;
    this.#keys = keys;
    this.#revoked = revoked;
  }

  /** @throws GatewayError `invalid_token`, or `temporarily_unavailable` while there are no keys to verify with. */
  async verify(token: string): Promise<VerifiedToken> {
    const verified = await this.#verify(token);
    this.#revoked.refuse(verified.claims);
    return verified;
  }

  async #verify(token: string): Promise<VerifiedToken> {
    const keys = this.#keys.loaded ?? (await this.#keys.load());
    const remembered = this.#remembered.get(token);
    if (remembered && stillGood(remembered, keys)) return remembered.token;
    const verified = await this.#verifyAnew(token, keys);
    this.#remembered.set(token, verified);
    return verified.token;
  }

  async #verifyAnew(token: string, keys: KeySet): Promise<Remembered> {
    try {
      let key: SigningKey | undefined;
      const { payload } = await jwtVerify(
        token,
        (header) => {
          key = keyFor(header, keys);
          return key.publicKey;
        },
        {
          algorithms: [...new Set([...keys.byId.values()].map((known) => known.algorithm))],
          issuer: this.#config.issuer,
          audience: this.#config.audience,
          typ: 'at+jwt',
          requiredClaims: ['exp', 'iat', 'sub', 'client_id', 'jti'],
          clockTolerance: CLOCK_TOLERANCE_SECONDS,
        },
      );
      return remember(payload, key);
    } catch (cause) {
      if (cause instanceof errors.JOSEError) throw new GatewayError('invalid_token', { cause });
      throw cause;
    }
  }
}

/** The one key that the token names, and only with that key's own algorithm (RFC 8725 §3.1). */
function keyFor({ kid, alg }: JWTHeaderParameters, keys: KeySet): SigningKey {
  const key = kid === undefined ? undefined : keys.byId.get(kid);
  if (key === undefined || key.algorithm !== alg) throw new errors.JWKSNoMatchingKey();
  return key;
}

function remember(claims: JWTPayload, key: SigningKey | undefined): Remembered {
  const { sub, client_id: clientId, scope = '', exp } = claims;
  if (
    !key ||
    typeof sub !== 'string' ||
    typeof clientId !== 'string' ||
    typeof scope !== 'string' ||
    exp === undefined
  ) {
    throw new errors.JWTInvalid('a claim has the wrong type');
  }
  const token = { subject: sub, clientId, scope: new Set(scope.split(' ').filter(Boolean)), claims };
  return { token, key, expiresAtMs: (exp + CLOCK_TOLERANCE_SECONDS) * 1000 };
}

function stillGood({ key, expiresAtMs }: Remembered, keys: KeySet): boolean {
  return Date.now() < expiresAtMs && keys.byId.get(key.kid) === key;
}
