import { GatewayError } from '../errors.ts';
import type { RefreshFamilies } from '../tokens/refresh-families.ts';
import { ownerOf } from './binding.ts';
import type { ClientAuthentication } from './client-authentication/authenticate.ts';
import { readClientRequest } from './client-request.ts';
import type { Endpoint } from './endpoint.ts';
import { parameter } from './form.ts';

interface RevocationParts {
  readonly clients: ClientAuthentication;
  readonly families: RefreshFamilies;
}

/**
 * Revocation (RFC 7009) of refresh tokens, which ends their whole family. A token that is unknown, or another client's, is
 * answered like one that was revoked (§2.2). Access tokens end by themselves: asking to revoke one is
 * `unsupported_token_type` (§2.2.1).
 */
export function createRevocationEndpoint({ clients, families }: RevocationParts): Endpoint {
  return async (ctx, caller) => {
    const { form, client } = await readClientRequest(ctx, caller, clients);
    const token = parameter(form, 'token');
    if (token === undefined) throw new GatewayError('invalid_request', { description: 'token is needed.' });
    if (isJwt(token)) throw new GatewayError('unsupported_token_type');
    await families.revoke(token, ownerOf(client, caller.certificate));
    ctx.status = 200;
    ctx.body = {};
  };
}

/** Refresh tokens have no dots in them. */
function isJwt(token: string): boolean {
  return token.split('.').length === 3;
}
