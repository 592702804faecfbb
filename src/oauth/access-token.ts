import { GatewayError } from '../errors.ts';
import type { VerifiedToken } from '../tokens/issuer.ts';
import type { TokenVerifier } from '../tokens/verify.ts';

/** Tells access tokens from refresh tokens, which have no dots in them; `token_type_hint` may be wrong (RFC 7009 §2.1). */
export function isJwt(token: string): boolean {
  return token.split('.').length === 3;
}

/** What an access token says; undefined for one that is not good, which is no error at these endpoints. */
export async function readAccessToken(token: string, tokens: TokenVerifier): Promise<VerifiedToken | undefined> {
  try {
    return await tokens.verify(token);
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'invalid_token') return undefined;
    throw error;
  }
}
