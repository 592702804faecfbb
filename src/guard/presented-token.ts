import { GatewayError } from '../errors.ts';
import { singleHeader } from '../routing/single-header.ts';

/** What the guard reads of a request. `rawHeaders` alternates names and values, as they came (`http.IncomingMessage`). */
export interface GuardedRequest {
  readonly rawHeaders: readonly string[];
  /** The query with its question mark, or nothing. */
  readonly query: string;
  /** `x5t#S256` of the certificate that the client has shown. */
  readonly certificateThumbprint: string | undefined;
  readonly method: string;
  /** The canonical path. */
  readonly path: string;
}

/** An access token, and how it was sent. */
export interface PresentedToken {
  readonly scheme: 'Bearer' | 'DPoP';
  /** Empty if what follows the scheme is no token. */
  readonly token: string;
}

/** RFC 6750 §2.1, RFC 9449 §7.1: the scheme, whose name is in any case (RFC 9110 §11.1), and a b64token or token68. */
const CREDENTIALS = /^(bearer|dpop)(?: +([A-Za-z0-9._~+/-]+=*) *| .*)?$/i;

/**
 * The one access token of a request; undefined if there is none. Tokens are taken from the header alone, for a query is
 * written to logs and histories (RFC 9700 §4.3.2).
 *
 * @throws GatewayError `invalid_request` when a token is sent in more than one way (RFC 6750 §2).
 */
export function presentedToken(request: Pick<GuardedRequest, 'rawHeaders' | 'query'>): PresentedToken | undefined {
  const [, scheme, token = ''] = CREDENTIALS.exec(singleHeader(request.rawHeaders, 'authorization') ?? '') ?? [];
  if (scheme === undefined) return undefined;
  if (request.query !== '' && new URLSearchParams(request.query).has('access_token')) {
    throw new GatewayError('invalid_request', { description: 'The access token was sent in more than one way.' });
  }
  return { scheme: scheme.toLowerCase() === 'dpop' ? 'DPoP' : 'Bearer', token };
}
