import type { RouteConfig } from '../config/schema.ts';
import { GatewayError } from '../errors.ts';
import type { VerifiedToken } from '../tokens/issuer.ts';
import type { TokenVerifier } from '../tokens/verify.ts';
import { challenged, unauthorized } from './challenge.ts';
import { meetsRules } from './claim-rules.ts';
import { isConfirmed } from './confirmation.ts';
import type { DpopGuard } from './dpop.ts';
import { type GuardedRequest, type PresentedToken, presentedToken } from './presented-token.ts';

/** Who makes a request, as a verified token tells. */
export type Principal = VerifiedToken;

/** Decides whether a request may take a route. Knows requests and tokens, but no web framework. */
export class Guard {
  readonly #tokens: TokenVerifier;
  readonly #dpop: DpopGuard;

  constructor(tokens: TokenVerifier, dpop: DpopGuard) {
    this.#tokens = tokens;
    this.#dpop = dpop;
  }

  /**
   * The principal behind a request; undefined on a public route, where a token is not even looked at.
   *
   * @throws GatewayError with the challenge of RFC 6750 §3 or RFC 9449 §7.1 when the request may not take the route.
   */
  async authorize(request: GuardedRequest, route: RouteConfig): Promise<Principal | undefined> {
    if (route.public) return undefined;
    const presented = presentedToken(request);
    if (presented === undefined) throw unauthorized();
    try {
      const principal = await this.#tokens.verify(presented.token, route);
      await this.#confirm(principal, presented, request);
      if (!hasScopes(principal, route)) throw new GatewayError('insufficient_scope');
      if (!meetsRules(principal.claims, route.require)) throw new GatewayError('access_denied');
      return principal;
    } catch (error) {
      throw error instanceof GatewayError ? challenged(error, presented.scheme, route) : error;
    }
  }

  /** @throws GatewayError `invalid_token` for a token that is bound to a key which this sender has not proven. */
  async #confirm({ claims }: Principal, { scheme, token }: PresentedToken, request: GuardedRequest): Promise<void> {
    const jkt = scheme === 'DPoP' ? await this.#dpop.provenKey(request, token) : undefined;
    if (isConfirmed(claims.cnf, { 'x5t#S256': request.certificateThumbprint, jkt })) return;
    throw new GatewayError('invalid_token', { cause: new Error('the token is bound to another sender') });
  }
}

/** All of `scopes`, and one of `any_scope`. Scopes are compared octet by octet (RFC 6749 §3.3). */
function hasScopes({ scope }: Principal, route: RouteConfig): boolean {
  return (
    route.scopes.every((required) => scope.has(required)) &&
    (route.any_scope.length === 0 || route.any_scope.some((sufficient) => scope.has(sufficient)))
  );
}
