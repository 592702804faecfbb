import { GatewayError } from '../errors.ts';
import type { Endpoint } from './endpoint.ts';

/** How long a browser may remember the answer to its preflight request, in seconds. */
const PREFLIGHT_MAX_AGE = '600';

/**
 * Lets scripts from `origins` call an endpoint (Fetch Standard, CORS protocol). Cookies are never part of it: the
 * endpoints know none. For all other origins, and for requests without one, nothing changes.
 */
export function allowOrigins(origins: readonly string[], method: 'GET' | 'POST', endpoint: Endpoint): Endpoint {
  if (origins.length === 0) return endpoint;
  return (ctx, caller) => {
    ctx.vary('Origin');
    const origin = ctx.get('Origin');
    if (!origins.includes(origin)) return endpoint(ctx, caller);
    ctx.set('Access-Control-Allow-Origin', origin);
    ctx.set('Access-Control-Expose-Headers', 'DPoP-Nonce, Retry-After, WWW-Authenticate');
    if (ctx.method !== 'OPTIONS') return endpoint(ctx, caller);
    if (ctx.get('Access-Control-Request-Method') !== method)
      throw new GatewayError('method_not_allowed', { headers: { Allow: method } });
    ctx.set('Access-Control-Allow-Methods', method);
    ctx.set('Access-Control-Allow-Headers', 'Authorization, Content-Type, DPoP');
    ctx.set('Access-Control-Max-Age', PREFLIGHT_MAX_AGE);
    ctx.status = 204;
  };
}
