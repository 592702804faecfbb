import { errors, type JWTPayload, jwtVerify } from 'jose';
import { GatewayError } from '../../errors.ts';
import type { AssertionKeys } from './assertion-keys.ts';

const MAX_LIFETIME_SECONDS = 300;
const CLOCK_TOLERANCE_SECONDS = 10;
const MAX_JTI_CHARACTERS = 256;

export interface VerifiedAssertion {
  readonly jti: string;
  /** From then on it is refused as expired. */
  readonly expiresAtMs: number;
}

/**
 * Verifies what RFC 7523 §3 asks of a client's assertion, but for its being used once.
 *
 * @throws GatewayError `invalid_client` with what is wrong as its cause; `temporarily_unavailable` when the client's keys
 * cannot be had.
 */
export async function verifyAssertion(
  assertion: string,
  { algorithms, key }: AssertionKeys,
  { clientId, audiences }: { clientId: string; audiences: readonly string[] },
): Promise<VerifiedAssertion> {
  try {
    const { payload } = await jwtVerify(assertion, key, {
      algorithms: [...algorithms],
      issuer: clientId,
      subject: clientId,
      audience: [...audiences],
      requiredClaims: ['exp', 'jti'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
    });
    return readClaims(payload);
  } catch (cause) {
    // For an RSA key that is too short, jose has no error of its own but a TypeError.
    if (!(cause instanceof errors.JOSEError || cause instanceof TypeError)) throw cause;
    throw new GatewayError('invalid_client', { cause });
  }
}

/** What jose does not look at. */
function readClaims({ aud, exp = 0, iat = 0, jti }: JWTPayload): VerifiedAssertion {
  const now = Math.floor(Date.now() / 1000);
  // Among several audiences, another one could use the assertion here.
  if (typeof aud !== 'string') throw new errors.JWTInvalid('"aud" has to be one text, not a list');
  if (exp > now + MAX_LIFETIME_SECONDS + CLOCK_TOLERANCE_SECONDS) {
    throw new errors.JWTInvalid(`"exp" is more than ${MAX_LIFETIME_SECONDS} seconds ahead`);
  }
  if (iat > now + CLOCK_TOLERANCE_SECONDS) throw new errors.JWTInvalid('"iat" is in the future');
  if (typeof jti !== 'string' || jti === '' || jti.length > MAX_JTI_CHARACTERS) {
    throw new errors.JWTInvalid(`"jti" has to be a text of 1 to ${MAX_JTI_CHARACTERS} characters`);
  }
  return { jti, expiresAtMs: (exp + CLOCK_TOLERANCE_SECONDS) * 1000 };
}
