import type { RouteConfig } from '../config/schema.ts';
import { GatewayError } from '../errors.ts';
import type { VerifiedToken } from '../tokens/issuer.ts';
import type { TokenVerifier } from '../tokens/verify.ts';
import { bearerToken, type GuardedRequest } from './bearer.ts';
import { meetsRules } from './claim-rules.ts';
import { isConfirmed } from './confirmation.ts';

/** Who makes a request, as a verified token tells. */
export type Principal = VerifiedToken;

const REALM = 'realm="postern"';

/** Decides whether a request may take a route. Knows requests and tokens, but no web framework. */
export class Guard {
  readonly #tokens: TokenVerifier;

  constructor(tokens: TokenVerifier) {
    this.#tokens = tokens;
  }

  /**
   * The principal behind a request; undefined on a public route, where a token is not even looked at.
   *
   * @throws GatewayError with the challenge of RFC 6750 §3 when the request may not take the route.
   */
  async authorize(request: GuardedRequest, route: RouteConfig): Promise<Principal | undefined> {
    if (route.public) return undefined;
    const token = bearerToken(request);
    // RFC 6750 §3.1: a request without a token is told no error code, only how to authenticate.
    if (token === undefined) throw new GatewayError('unauthorized', challenge(REALM));
    const principal = await this.#verify(token, route);
    if (!isConfirmed(principal.claims.cnf, request.certificateThumbprint)) {
      throw invalidToken(new Error('the token is bound to another sender'));
    }
    if (!hasScopes(principal, route)) throw insufficientScope(route);
    if (!meetsRules(principal.claims, route.require)) throw new GatewayError('access_denied');
    return principal;
  }

  async #verify(token: string, route: RouteConfig): Promise<Principal> {
    try {
      return await this.#tokens.verify(token, route);
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== 'invalid_token') throw error;
      throw invalidToken(error.cause);
    }
  }
}

/** All of `scopes`, and one of `any_scope`. Scopes are compared octet by octet (RFC 6749 §3.3). */
function hasScopes({ scope }: Principal, route: RouteConfig): boolean {
  return (
    route.scopes.every((required) => scope.has(required)) &&
    (route.any_scope.length === 0 || route.any_scope.some((sufficient) => scope.has(sufficient)))
  );
}

function invalidToken(cause: unknown): GatewayError {
  return new GatewayError('invalid_token', { ...challenge('error="invalid_token"', REALM), cause });
}

function insufficientScope(route: RouteConfig): GatewayError {
  const scope = [...route.scopes, ...route.any_scope].join(' ');
  return new GatewayError('insufficient_scope', challenge('error="insufficient_scope"', `scope="${scope}"`, REALM));
}

function challenge(...parameters: string[]) {
  return { headers: { 'WWW-Authenticate': `Bearer ${parameters.join(', ')}` } };
}
