import type { ClientConfig } from '../config/schema.ts';
import { GatewayError } from '../errors.ts';
import type { RateLimits } from '../limits/rate-limits.ts';
import { type Confirmation, isDpop } from '../tokens/confirmation.ts';
import type { TokenMint } from '../tokens/mint.ts';
import type { SenderBinding } from './binding.ts';
import type { ClientAuthentication } from './client-authentication/authenticate.ts';
import { readClientRequest } from './client-request.ts';
import type { Endpoint } from './endpoint.ts';
import { type Form, requiredParameter } from './form.ts';
import type { Grant, Granted } from './grants/grant.ts';

const ID_TOKEN_TYPE = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

interface TokenParts {
  readonly clients: ClientAuthentication;
  readonly rateLimits: RateLimits;
  readonly grants: readonly Grant[];
  readonly binding: SenderBinding;
  readonly mint: TokenMint;
  /** Milliseconds; a client may have its own. */
  readonly accessTokenTtlMs: number;
  readonly countIssued: (labels: { client: string; grant: string }) => void;
}

/** The token endpoint (RFC 6749 §3.2), as the steps that a token request takes. */
export function createTokenEndpoint(parts: TokenParts): Endpoint {
  return async (ctx, caller) => {
    const { form, client } = await readClientRequest(ctx, caller, parts.clients);
    if (client.rate_limit) await parts.rateLimits.take(`client:${client.id}`, client.rate_limit);
    const grant = chooseGrant(form, client, parts.grants);
    const { address, requestId, certificate } = caller;
    const confirmation = await parts.binding.confirmationFor(client, certificate, ctx);
    const granted = await grant.authorize({ form, client, confirmation, address, requestId });
    caller.subject = granted.grant.subject;
    ctx.body = await mintTokens(granted, client, confirmation, parts);
    parts.countIssued({ client: client.id, grant: grant.type });
  };
}

function chooseGrant(form: Form, client: ClientConfig, grants: readonly Grant[]): Grant {
  const type = requiredParameter(form, 'grant_type');
  const grant = grants.find((known) => known.type === type);
  if (grant === undefined) throw new GatewayError('unsupported_grant_type');
  if (!client.grants.includes(grant.type)) throw new GatewayError('unauthorized_client');
  return grant;
}

/** RFC 6749 §5.1. `scope` is always told, for the request may have left it to the client's default. */
async function mintTokens(
  { grant, refreshToken }: Granted,
  client: ClientConfig,
  confirmation: Confirmation | undefined,
  parts: TokenParts,
) {
  const ttlMs = client.access_token_ttl ?? parts.accessTokenTtlMs;
  const accessToken = await parts.mint.accessToken(grant, ttlMs, confirmation);
  return {
    access_token: accessToken,
    token_type: isDpop(confirmation) ? 'DPoP' : 'Bearer',
    expires_in: Math.ceil(ttlMs / 1000),
    scope: grant.scope.join(' '),
    ...(refreshToken !== undefined && { refresh_token: refreshToken }),
    ...(client.id_token &&
      grant.login && { id_token: await parts.mint.idToken(grant, grant.login), id_token_type: ID_TOKEN_TYPE }),
  };
}
