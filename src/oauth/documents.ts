import type { Context } from 'koa';
import type { Config } from '../config/schema.ts';
import { GatewayError } from '../errors.ts';
import { DPOP_ALGORITHMS } from '../tokens/dpop-proofs.ts';
import type { SigningKeys } from '../tokens/signing-keys.ts';
import { assertionAlgorithms } from './client-authentication/assertion-keys.ts';
import type { Endpoint } from './endpoint.ts';

/** How long others may keep a document. Keys are published well before they sign, so this may be minutes. */
const CACHE_CONTROL = 'public, max-age=300';

/** The public keys of access and ID tokens (RFC 7517 §5). */
export function createJwksEndpoint(keys: SigningKeys): Endpoint {
  return async (ctx) => answerDocument(ctx, (await keys.load()).jwks, 'application/jwk-set+json');
}

/**
 * Authorization server metadata (RFC 8414 §2), which OpenID Connect Discovery shares. It tells what this configuration
 * does, not what the software could do.
 */
export function createMetadataEndpoint(config: Config, signingKeys: SigningKeys): Endpoint {
  const { issuer, signing } = config.tokens;
  const methods = distinct(config.clients.map((client) => client.auth));
  const signingAlgorithms = distinct(config.clients.flatMap(assertionAlgorithms));
  const at = (path: string) => endpointUrl(issuer, path);
  const metadata = {
    issuer,
    token_endpoint: at(config.endpoints.token),
    revocation_endpoint: at(config.endpoints.revoke),
    introspection_endpoint: at(config.endpoints.introspect),
    jwks_uri: at(config.endpoints.jwks),
    // There is no authorization endpoint, so no response type either; both documents require the member.
    response_types_supported: [],
    grant_types_supported: distinct(config.clients.flatMap((client) => client.grants)),
    token_endpoint_auth_methods_supported: methods,
    revocation_endpoint_auth_methods_supported: methods,
    introspection_endpoint_auth_methods_supported: methods.filter((method) => method !== 'none'),
    ...(signingAlgorithms.length > 0 && {
      token_endpoint_auth_signing_alg_values_supported: signingAlgorithms,
      revocation_endpoint_auth_signing_alg_values_supported: signingAlgorithms,
      introspection_endpoint_auth_signing_alg_values_supported: signingAlgorithms,
    }),
    scopes_supported: distinct(config.clients.flatMap((client) => client.scopes)),
    tls_client_certificate_bound_access_tokens: config.clients.some((client) => client.bind_tokens === 'certificate'),
    ...(config.clients.some((client) => client.bind_tokens === 'dpop') && {
      dpop_signing_alg_values_supported: DPOP_ALGORITHMS,
    }),
    subject_types_supported: ['public'],
  };
  return (ctx) => {
    // After another algorithm was configured, the old key still signs until the new one takes over.
    const used = [...(signingKeys.loaded?.byId.values() ?? [])].map(({ algorithm }) => algorithm);
    const id_token_signing_alg_values_supported = distinct([signing.algorithm, ...used]);
    answerDocument(ctx, { ...metadata, id_token_signing_alg_values_supported }, 'application/json');
  };
}

/** The URL of an endpoint: its path is the whole path, that of the issuer is not put before it. */
export function endpointUrl(issuer: string, path: string): string {
  return new URL(path, issuer).href;
}

/**
 * Where the metadata is found: at the root, as most clients look for it, and where an issuer with a path has it
 * (RFC 8414 §3.1 puts the path behind, OpenID Connect Discovery §4 before the well-known part).
 */
export function metadataPaths(issuer: string): readonly string[] {
  const path = new URL(issuer).pathname.replace(/\/$/, '');
  const [oauth, openid] = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'];
  return distinct([oauth, openid, `${oauth}${path}`, `${openid}${path}`, `${path}${openid}`]);
}

function answerDocument(ctx: Context, document: object, type: string): void {
  if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
    throw new GatewayError('method_not_allowed', { headers: { Allow: 'GET, HEAD' } });
  }
  ctx.set('Cache-Control', CACHE_CONTROL);
  ctx.body = document;
  ctx.type = type;
}

function distinct<Value>(values: readonly Value[]): Value[] {
  return [...new Set(values)];
}
