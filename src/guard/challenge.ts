import type { RouteConfig } from '../config/schema.ts';
import { type ErrorCode, GatewayError } from '../errors.ts';
import { DPOP_ALGORITHMS } from '../tokens/dpop-proofs.ts';
import type { PresentedToken } from './presented-token.ts';

type Scheme = PresentedToken['scheme'];

/** RFC 6750 §3.1, RFC 9449 §7.1: refusals that tell in a challenge how to do better. All are 401 but for the scope. */
const TOLD: ReadonlySet<ErrorCode> = new Set([
  'invalid_token',
  'invalid_dpop_proof',
  'use_dpop_nonce',
  'insufficient_scope',
]);

/** For a request without a token: it is told no error code, only how to authenticate (RFC 6750 §3.1). */
export function unauthorized(): GatewayError {
  return new GatewayError('unauthorized', { headers: challenge('Bearer', []) });
}

/** The refusal of a token with its challenge; other errors as they are. */
export function challenged(error: GatewayError, scheme: Scheme, route: RouteConfig): GatewayError {
  const { code, headers, cause } = error;
  if (!TOLD.has(code)) return error;
  const parameters = [`error="${code}"`];
  if (code === 'insufficient_scope') parameters.push(`scope="${[...route.scopes, ...route.any_scope].join(' ')}"`);
  const status = code === 'insufficient_scope' ? 403 : 401;
  // Not by spreading: V8 would make a hidden class for each refusal.
  return new GatewayError(code, { status, headers: Object.assign({}, headers, challenge(scheme, parameters)), cause });
}

function challenge(scheme: Scheme, parameters: readonly string[]) {
  const algorithms = scheme === 'DPoP' ? [`algs="${DPOP_ALGORITHMS.join(' ')}"`] : [];
  return { 'WWW-Authenticate': `${scheme} ${[...parameters, ...algorithms, 'realm="postern"'].join(', ')}` };
}
