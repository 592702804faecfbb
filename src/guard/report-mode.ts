import type { RouteConfig } from '../config/schema.ts';
import { type ErrorCode, GatewayError } from '../errors.ts';

/**
 * Why the guard keeps a request from a route: it is not known who sends it, or they may not. The last is for keys that are
 * out, so that nobody can be known.
 */
const VERDICTS: ReadonlySet<ErrorCode> = new Set([
  'unauthorized',
  'invalid_token',
  'invalid_dpop_proof',
  'use_dpop_nonce',
  'insufficient_scope',
  'access_denied',
  'temporarily_unavailable',
]);

/**
 * What the guard has thrown, where the route only reports it and the request goes on.
 *
 * @throws what it was given, on any other route, and where the request itself could be understood in two ways.
 */
export function onlyReported(thrown: unknown, { mode }: Pick<RouteConfig, 'mode'>): GatewayError {
  if (mode === 'report' && thrown instanceof GatewayError && VERDICTS.has(thrown.code)) return thrown;
  throw thrown;
}
