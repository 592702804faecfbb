/**
 * The closed catalogue of what a caller may be told. A public description says what to do about it;
 * the private cause goes to the log and nowhere else.
 *
 * Codes come from RFC 6749 §5.2 (token endpoint), RFC 6750 §3.1 (bearer) and the gateway itself.
 */
const CATALOGUE = {
  // RFC 6749 §5.2
  invalid_request: [400, 'The request is malformed.'],
  invalid_client: [401, 'Client authentication failed.'],
  invalid_grant: [400, 'The credentials or the refresh token are not valid.'],
  unauthorized_client: [400, 'The client may not use this grant type.'],
  unsupported_grant_type: [400, 'The grant type is not supported.'],
  invalid_scope: [400, 'The requested scope is unknown or exceeds what may be granted.'],
  // RFC 9449 §5, §7.1, §8
  invalid_dpop_proof: [400, 'The DPoP proof is missing or not valid for this request.'],
  use_dpop_nonce: [400, 'The DPoP proof needs the nonce of the DPoP-Nonce header.'],
  // RFC 6750 §3.1
  unauthorized: [401, 'This resource needs an access token.'],
  invalid_token: [401, 'The access token is expired or not valid here.'],
  insufficient_scope: [403, 'The access token lacks a scope that this resource requires.'],
  // The gateway
  access_denied: [403, 'The access token does not grant access to this resource.'],
  not_found: [404, 'There is no such resource.'],
  method_not_allowed: [405, 'The resource does not support this method.'],
  request_timeout: [408, 'The request was not sent in time.'],
  content_too_large: [413, 'The request body is too large.'],
  expectation_failed: [417, 'The only expectation that is met is 100-continue.'],
  upgrade_required: [426, 'The only protocol to upgrade to is websocket.'],
  header_fields_too_large: [431, 'The request header fields are too large.'],
  server_error: [500, 'The gateway failed.'],
  bad_gateway: [502, 'The upstream could not be reached or did not answer properly.'],
  temporarily_unavailable: [503, 'The service is out for the moment. Try again later.'],
  gateway_timeout: [504, 'The upstream did not answer in time.'],
} as const satisfies Record<string, readonly [status: number, description: string]>;

export type ErrorCode = keyof typeof CATALOGUE;

export interface ErrorDetails {
  /** What the caller reads, in the characters that RFC 6749 §5.2 allows: no quotes, no backslash, ASCII only. */
  description?: string;
  /** Where the status differs from the code's own, as with a 429 `invalid_grant`. */
  status?: number;
  headers?: Readonly<Record<string, string>>;
  /** For the log only. */
  cause?: unknown;
}

/**
 * A refusal or failure that is told to the caller as `{error, error_description}` with its status. It has no stack: nobody
 * reads it, it is much of what a refusal costs, and as long as it is kept it holds on to the request.
 */
export class GatewayError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly description: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, details: ErrorDetails = {}) {
    const [status, description] = CATALOGUE[code];
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(details.description ?? description, { cause: details.cause });
    Error.stackTraceLimit = stackTraceLimit;
    this.name = 'GatewayError';
    this.code = code;
    this.status = details.status ?? status;
    this.description = details.description ?? description;
    this.headers = details.headers ?? {};
  }
}

/** What the caller reads of it. The request's id is left out where the answers to many have to be the same. */
export function toldBody({ code, description }: GatewayError, requestId?: string) {
  return { error: code, error_description: description, ...(requestId !== undefined && { request_id: requestId }) };
}

/** Something that this process depends on is out: 503 with `Retry-After`, and never a verdict on credentials. */
export function unavailable(cause: unknown): GatewayError {
  return new GatewayError('temporarily_unavailable', { headers: { 'Retry-After': '1' }, cause });
}

/** Whatever was thrown, as something that may be told: the unknown becomes a bland `server_error`. */
export function toGatewayError(thrown: unknown): GatewayError {
  return thrown instanceof GatewayError ? thrown : new GatewayError('server_error', { cause: thrown });
}

/** For logs and terminals: what failed, and why. */
export function withCause({ message, cause }: Error): string {
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}
