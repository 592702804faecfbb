import { GatewayError } from '../errors.ts';
import type { VerifiedToken } from '../tokens/issuer.ts';
import type { TokenVerifier } from '../tokens/verify.ts';
import type { ClientAuthentication } from './client-authentication/authenticate.ts';
import { readClientRequest } from './client-request.ts';
import type { Endpoint } from './endpoint.ts';
import { requiredParameter } from './form.ts';

interface IntrospectionParts {
  readonly clients: ClientAuthentication;
  readonly tokens: TokenVerifier;
}

/** Introspection (RFC 7662) of our own access tokens, for clients that authenticate. Whatever else is sent is not active (§2.2). */
export function createIntrospectionEndpoint({ clients, tokens }: IntrospectionParts): Endpoint {
  return async (ctx, caller) => {
    const { form, client } = await readClientRequest(ctx, caller, clients);
    // RFC 7662 §4: who could ask without proof could try out tokens.
    if (client.auth === 'none') throw new GatewayError('invalid_client');
    const token = requiredParameter(form, 'token');
    const verified = await verify(token, tokens);
    ctx.body = verified ? { ...verified.claims, active: true, token_type: 'Bearer' } : { active: false };
  };
}

async function verify(token: string, tokens: TokenVerifier): Promise<VerifiedToken | undefined> {
  try {
    return await tokens.verify(token);
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'invalid_token') return undefined;
    throw error;
  }
}
