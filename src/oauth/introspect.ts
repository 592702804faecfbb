import type { ClientConfig } from '../config/schema.ts';
import { GatewayError } from '../errors.ts';
import { type Confirmation, isDpop } from '../tokens/confirmation.ts';
import type { RefreshFamilies } from '../tokens/refresh-families.ts';
import type { TokenVerifier } from '../tokens/verify.ts';
import { isJwt, readAccessToken } from './access-token.ts';
import type { ClientAuthentication } from './client-authentication/authenticate.ts';
import { readClientRequest } from './client-request.ts';
import type { Endpoint } from './endpoint.ts';
import { requiredParameter } from './form.ts';

interface IntrospectionParts {
  readonly clients: ClientAuthentication;
  readonly tokens: TokenVerifier;
  readonly families: RefreshFamilies;
}

/** Introspection (RFC 7662), for clients that authenticate. Whatever is no good token is not active (§2.2). */
export function createIntrospectionEndpoint({ clients, tokens, families }: IntrospectionParts): Endpoint {
  return async (ctx, caller) => {
    const { form, client } = await readClientRequest(ctx, caller, clients);
    // RFC 7662 §4: who could ask without proof could try out tokens.
    if (client.auth === 'none') throw new GatewayError('invalid_client');
    const token = requiredParameter(form, 'token');
    const told = await (isJwt(token) ? accessToken(token, tokens) : refreshToken(token, client, families));
    ctx.body = told ? { ...told, active: true } : { active: false };
  };
}

async function accessToken(token: string, tokens: TokenVerifier) {
  const verified = await readAccessToken(token, tokens);
  if (!verified) return undefined;
  // A carried session is for upstreams, and sealed: it would tell nothing.
  const { carry: _, ...claims } = verified.claims;
  return { ...claims, token_type: isDpop(claims.cnf as Confirmation | undefined) ? 'DPoP' : 'Bearer' };
}

/** Told to the client that it belongs to, and to no other: nobody else has a use for it. */
async function refreshToken(token: string, client: ClientConfig, families: RefreshFamilies) {
  const family = await families.inspect(token, { clientId: client.id });
  return (
    family && {
      client_id: client.id,
      sub: family.grant.user.sub,
      username: family.grant.user.username,
      scope: family.grant.scope.filter((scope) => client.scopes.includes(scope)).join(' '),
      iat: Math.floor(family.issuedAtMs / 1000),
      exp: Math.floor(family.expiresAtMs / 1000),
    }
  );
}
