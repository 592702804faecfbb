import type { RouteConfig } from '../config/schema.ts';
import { type ErrorCode, GatewayError } from '../errors.ts';
import type { VerifiedToken } from '../tokens/issuer.ts';
import type { TokenVerifier } from '../tokens/verify.ts';
import { challenged, unauthorized } from './challenge.ts';
import { meetsRules } from './claim-rules.ts';
import { isConfirmed, type ProvenKeys } from './confirmation.ts';
import type { DpopGuard } from './dpop.ts';
import { type GuardedRequest, type PresentedToken, presentedToken } from './presented-token.ts';

/** Who makes a request, as a verified token tells. */
export interface Principal extends VerifiedToken {
  /** How the token was sent. */
  readonly scheme: PresentedToken['scheme'];
}

/** Decides who makes a request. Knows requests and tokens, but no web framework. */
export class Guard {
  readonly #tokens: TokenVerifier;
  readonly #dpop: DpopGuard;

  constructor(tokens: TokenVerifier, dpop: DpopGuard) {
    this.#tokens = tokens;
    this.#dpop = dpop;
  }

  /**
   * Who makes the request, whatever the route demands of them. On a public route nobody asks.
   *
   * @throws GatewayError with the challenge of RFC 6750 §3 or RFC 9449 §7.1
   */
  async authenticate(request: GuardedRequest, route: RouteConfig): Promise<Principal> {
    const presented = presentedToken(request);
    if (presented === undefined) throw unauthorized();
    try {
      const verified = await this.#tokens.verify(presented.token, route);
      const jkt = presented.scheme === 'DPoP' ? await this.#dpop.provenKey(request, presented.token) : undefined;
      refuseUnconfirmed(verified, { 'x5t#S256': request.certificateThumbprint, jkt });
      // In this order: V8 makes a hidden class for each object that is spread before it is added to.
      return { scheme: presented.scheme, ...verified };
    } catch (error) {
      throw error instanceof GatewayError ? challenged(error, presented.scheme, route) : error;
    }
  }
}

/** @throws GatewayError `invalid_token` for a token that is bound to a key which this sender has not proven. */
function refuseUnconfirmed({ claims }: VerifiedToken, proven: ProvenKeys): void {
  if (isConfirmed(claims.cnf, proven)) return;
  throw new GatewayError('invalid_token', { cause: new Error('the token is bound to another sender') });
}

/** What a route may demand of a principal. */
export interface Demand {
  readonly name: 'scopes' | 'require';
  isMet(principal: Principal, route: RouteConfig): boolean;
  /** What is told where it is not met. */
  readonly refusal: ErrorCode;
}

/** In the order in which they are told. */
export const DEMANDS: readonly Demand[] = [
  { name: 'scopes', isMet: hasScopes, refusal: 'insufficient_scope' },
  { name: 'require', isMet: ({ claims }, { require }) => meetsRules(claims, require), refusal: 'access_denied' },
];

/** @throws GatewayError for the first demand of the route that the principal does not meet. */
export function refuseUnmet(principal: Principal, route: RouteConfig): void {
  const unmet = DEMANDS.find(({ isMet }) => !isMet(principal, route));
  if (unmet) throw challenged(new GatewayError(unmet.refusal), principal.scheme, route);
}

/** All of `scopes`, and one of `any_scope`. Scopes are compared octet by octet (RFC 6749 §3.3). */
function hasScopes({ scope }: Principal, route: RouteConfig): boolean {
  return (
    route.scopes.every((required) => scope.has(required)) &&
    (route.any_scope.length === 0 || route.any_scope.some((sufficient) => scope.has(sufficient)))
  );
}
