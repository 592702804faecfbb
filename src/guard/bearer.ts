import { GatewayError } from '../errors.ts';
import { singleHeader } from '../routing/single-header.ts';

/** What the guard reads of a request. `rawHeaders` alternates names and values, as they came (`http.IncomingMessage`). */
export interface GuardedRequest {
  readonly rawHeaders: readonly string[];
  /** The query with its question mark, or nothing. */
  readonly query: string;
  /** `x5t#S256` of the certificate that the client has shown. */
  readonly certificateThumbprint: string | undefined;
}

/** RFC 6750 §2.1: b64token after the scheme, whose name is in any case (RFC 9110 §11.1). */
const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*) *$/i;
const BEARER_SCHEME = /^bearer(?: |$)/i;

/**
 * The one bearer token of a request; undefined if there is none, and empty if what follows the scheme is none. Tokens are taken from the header alone, for a query is
 * written to logs and histories (RFC 9700 §4.3.2).
 *
 * @throws GatewayError `invalid_request` when a token is sent in more than one way (RFC 6750 §2).
 */
export function bearerToken(request: Pick<GuardedRequest, 'rawHeaders' | 'query'>): string | undefined {
  const authorization = singleHeader(request.rawHeaders, 'authorization');
  if (authorization === undefined || !BEARER_SCHEME.test(authorization)) return undefined;
  if (request.query !== '' && new URLSearchParams(request.query).has('access_token')) {
    throw new GatewayError('invalid_request', { description: 'The access token was sent in more than one way.' });
  }
  return BEARER.exec(authorization)?.[1] ?? '';
}
