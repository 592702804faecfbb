import { GatewayError } from '../errors.ts';
import type { TokenVerifier, VerifiedToken } from '../tokens/verify.ts';
import { type Form, parameter } from './form.ts';

/** The `token` that the revocation and introspection endpoints are about. @throws GatewayError `invalid_request`. */
export function presentedToken(form: Form): string {
  const token = parameter(form, 'token');
  if (token === undefined) throw new GatewayError('invalid_request', { description: 'token is needed.' });
  return token;
}

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
