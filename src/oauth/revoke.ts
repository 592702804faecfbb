import type { ClientConfig } from '../config/schema.ts';
import type { FamilyOwner, RefreshFamilies } from '../tokens/refresh-families.ts';
import type { RevokedTokens } from '../tokens/revoked-tokens.ts';
import type { TokenVerifier } from '../tokens/verify.ts';
import { isJwt, readAccessToken } from './access-token.ts';
import { ownerOf } from './binding.ts';
import type { CarriedLogout } from './carried-logout.ts';
import type { ClientAuthentication } from './client-authentication/authenticate.ts';
import { readClientRequest } from './client-request.ts';
import type { Caller, Endpoint } from './endpoint.ts';
import { requiredParameter } from './form.ts';

interface RevocationParts {
  readonly clients: ClientAuthentication;
  readonly families: RefreshFamilies;
  readonly tokens: TokenVerifier;
  readonly revoked: RevokedTokens;
  readonly carriedLogout: CarriedLogout;
}

/**
 * Revocation (RFC 7009): a refresh token ends its whole family and the access tokens that came from it, an access token
 * ends alone. A token that is unknown, or another client's, is answered like one that was revoked (§2.2).
 */
export function createRevocationEndpoint(parts: RevocationParts): Endpoint {
  return async (ctx, caller) => {
    const { form, client } = await readClientRequest(ctx, caller, parts.clients);
    const token = requiredParameter(form, 'token');
    if (isJwt(token)) await revokeAccessToken(token, client.id, parts);
    else await parts.families.revoke(token, ownerShown(client, caller));
    ctx.status = 200;
    ctx.body = {};
  };
}

async function revokeAccessToken(
  token: string,
  clientId: string,
  { tokens, revoked, carriedLogout }: RevocationParts,
): Promise<void> {
  const verified = await readAccessToken(token, tokens);
  if (verified?.clientId !== clientId) return;
  await revoked.revoke(verified.claims);
  // Where there are no refresh tokens, it was the only one of its login.
  if (verified.claims.sid === undefined) carriedLogout.ofToken(verified.claims);
}

/** A certificate comes with the connection, so it has to be the right one; a DPoP proof is not asked for here. */
function ownerShown(client: ClientConfig, { certificate }: Caller): FamilyOwner {
  const isBound = client.bind_tokens === 'certificate' && certificate !== undefined;
  return ownerOf(client, isBound ? { 'x5t#S256': certificate.thumbprint } : undefined);
}
