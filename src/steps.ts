import type { IncomingMessage } from 'node:http';
import type { Middleware, ParameterizedContext } from 'koa';
import { GatewayError, toGatewayError, toldBody } from './errors.ts';
import { challenged } from './guard/challenge.ts';
import { type Principal, refuseUnmet } from './guard/guard.ts';
import type { GuardedRequest } from './guard/presented-token.ts';
import { onlyReported } from './guard/report-mode.ts';
import type { Sender } from './limits/sender.ts';
import type { Caller } from './oauth/endpoint.ts';
import type { AnsweredRequest } from './observe/access-log.ts';
import { requestId } from './observe/request-id.ts';
import type { Exchange, Outcome } from './proxy/exchange.ts';
import { forward } from './proxy/forward.ts';
import { discardRest } from './proxy/request-body.ts';
import type { Upstreams } from './proxy/upstreams.ts';
import type { Match } from './routing/matcher.ts';
import { readRequestHead } from './routing/request-head.ts';
import { upstreamPath } from './routing/rewrite.ts';
import type { Target } from './routing/target.ts';
import type { RefusedRequest, Runtime } from './runtime.ts';
import type { CarriedSessions } from './tokens/carried-sessions.ts';

/** What the steps find out, one after the other. */
export interface AppState {
  sender: Sender;
  caller: Caller;
  /** The one Host header. */
  host: string | undefined;
  target: Target;
  /** The rule's path or the endpoint's, for the log; undefined when nothing matched. */
  route: string | undefined;
  /** Whether one of the gateway's own endpoints answers. */
  isEndpoint: boolean;
  match: Match;
  principal: Principal | undefined;
  /** What the caller would have been told, on a route that only reports it. */
  wouldRefuse: GatewayError | undefined;
  /** What the caller was told, if it was an error. */
  error: GatewayError | undefined;
  /** How forwarding ended, where there was any. */
  outcome: Outcome | undefined;
}

type AppContext = ParameterizedContext<AppState>;
type Step = Middleware<AppState>;

export function logAccess({ senders, logAccess, noteRefusal }: Runtime): Step {
  return async (ctx, next) => {
    const startedAt = performance.now();
    const { state, req, res } = ctx;
    state.isEndpoint = false;
    state.sender = senders.of(req);
    const id = requestId(req.headers['x-request-id']);
    // From here on it is the request's own: whoever answers reads the same one.
    req.headers['x-request-id'] = id;
    const { address } = state.sender;
    state.caller = { requestId: id, address, certificate: undefined, client: undefined, subject: undefined };
    await next();
    // The listener has answered a request that did not come to its end.
    if (req.errored instanceof GatewayError) state.error = req.errored;
    if (state.error ?? state.wouldRefuse) noteRefusal(refused(ctx));
    const log = () => logAccess(answered(ctx, performance.now() - startedAt));
    // A forwarded response is over by now; Koa writes all others after this.
    if (res.closed) log();
    else res.once('close', log);
  };
}

/** nginx's number for a caller that left before it was answered; only logs ever see it. */
export const CLIENT_CLOSED_REQUEST = 499;

function answered({ state, req, res }: AppContext, durationMs: number): AnsweredRequest {
  const { caller, route } = state;
  const status = res.headersSent ? res.statusCode : CLIENT_CLOSED_REQUEST;
  const { requestId, address, client, subject } = caller;
  const path = triedPath(state.match, state.target);
  const known = { requestId, address, method: req.method, route, path, status, durationMs, client, subject };
  return Object.assign(known, ending(state));
}

/** The path of a request, where its route is in report mode. */
export function triedPath(match: Match | undefined, target: Target | undefined): string | undefined {
  return match?.route.mode === 'report' ? target?.path : undefined;
}

/** The steps that were not come to have found out nothing. */
function refused({ state, method }: AppContext): RefusedRequest {
  const { caller, host, target, match, principal, error, wouldRefuse }: RefusedState = state;
  const { requestId } = caller;
  return { requestId, method, host, path: target?.path, route: match?.route, principal, error, wouldRefuse };
}

type RefusedState = Partial<AppState> & Pick<AppState, 'caller'>;

/** How a request ended, as the access log has it. */
export function ending({ error, wouldRefuse, outcome }: Pick<AppState, 'error' | 'wouldRefuse' | 'outcome'>) {
  const cause = outcome?.outcome === 'cut_short' ? outcome.cause : (error ?? wouldRefuse)?.cause;
  return { error: error?.code, wouldRefuse: wouldRefuse?.code, outcome: outcome?.outcome, cause };
}

export function answerErrors({ pace: { discards } }: Runtime): Step {
  return async (ctx, next) => {
    try {
      await next();
    } catch (thrown) {
      // Nobody waits for it any more: the listener has answered.
      if (ctx.headerSent) return;
      answerError(ctx, toGatewayError(thrown));
      if (!ctx.req.complete) discardRest(ctx.req, discards.of(ctx.state.sender.address));
    }
  };
}

function answerError(ctx: AppContext, error: GatewayError): void {
  ctx.state.error = error;
  ctx.respond = true;
  ctx.status = error.status;
  ctx.set('X-Request-Id', ctx.state.caller.requestId);
  ctx.set(error.headers);
  // Where a malformed request ends may be a matter of opinion: nothing behind it is read as another one.
  if (error.status === 400 && !ctx.state.isEndpoint) ctx.set('Connection', 'close');
  ctx.body = errorBody(error, ctx.state);
}

/** The OAuth endpoints' errors are those of RFC 6749 §5.2, and alike to the letter for all who may not be told apart. */
function errorBody(error: GatewayError, { isEndpoint, caller }: AppState) {
  return isEndpoint ? toldBody(error) : toldBody(error, caller.requestId);
}

export const readHead: Step = ({ req, state }, next) => {
  const { host, target } = readRequestHead(req);
  state.host = host;
  state.target = target;
  return next();
};

export function readCertificate({ clientCertificates }: Runtime): Step {
  return ({ req, state }, next) => {
    state.caller.certificate = clientCertificates.of(req, state.sender.isTrustedProxy);
    return next();
  };
}

export function answerEndpoint({ endpoints }: Runtime): Step {
  return (ctx, next) => {
    const { state } = ctx;
    const { path } = state.target;
    const endpoint = endpoints.get(path);
    if (endpoint === undefined) return next();
    state.route = path;
    state.isEndpoint = true;
    ctx.set('X-Request-Id', state.caller.requestId);
    return endpoint(ctx, state.caller);
  };
}

export function matchRoute({ matcher }: Runtime): Step {
  return (ctx, next) => {
    const { state } = ctx;
    state.match = matcher.match(state.host, state.target.path, ctx.method);
    state.route = state.match.route.path;
    return next();
  };
}

export function authorize({ guard }: Runtime): Step {
  return async (ctx, next) => {
    const { state, req } = ctx;
    const { route } = state.match;
    if (route.public) return next();
    try {
      const principal = await guard.authenticate(guardedRequest(req, state.target, state.caller), route);
      state.principal = principal;
      // Known from here on, so that the log has them for a refusal too.
      state.caller.client = principal.clientId;
      state.caller.subject = principal.subject;
      refuseUnmet(principal, route);
    } catch (thrown) {
      state.wouldRefuse = onlyReported(thrown, route);
    }
    return next();
  };
}

/** What the steps have found out, as the guard needs it. */
export function guardedRequest(request: IncomingMessage, target: Target, { certificate }: Caller): GuardedRequest {
  return {
    rawHeaders: request.rawHeaders,
    method: request.method ?? '',
    path: target.path,
    query: target.query,
    certificateThumbprint: certificate?.thumbprint,
  };
}

export function forwardUpstream({ upstreams, carried, pace }: Runtime): Step {
  return async (ctx) => {
    ctx.respond = false;
    const exchange = await withCarried(exchangeFor(ctx.state, upstreams), ctx.state, carried);
    ctx.state.outcome = await forward(ctx.req, ctx.res, exchange, pace);
  };
}

/**
 * The exchange with the session that the principal's login has opened, where the upstream gets it.
 *
 * @throws GatewayError `invalid_token` with its challenge, `temporarily_unavailable`: as `CarriedSessions.ofToken` does
 */
export async function withCarried(
  exchange: Exchange,
  { principal, match }: Pick<AppState, 'principal' | 'match'>,
  carried: CarriedSessions,
): Promise<Exchange> {
  if (principal === undefined || exchange.upstream.headers.carried.length === 0) return exchange;
  try {
    const session = await carried.ofToken(principal.claims);
    return { ...exchange, carried: session?.values };
  } catch (error) {
    throw challenged(toGatewayError(error), principal.scheme, match.route);
  }
}

/** What the steps have found out, as forwarding needs it. */
export function exchangeFor(
  { sender, caller, target, match, principal }: Pick<AppState, 'sender' | 'caller' | 'target' | 'match' | 'principal'>,
  upstreams: Upstreams,
): Exchange {
  const { route } = match;
  return {
    upstream: upstreams.get(route.upstream),
    path: upstreamPath(match, target.path) + target.query,
    maxBodyBytes: route.max_body,
    clientAddress: sender.address,
    forwardedFor: sender.forwardedFor,
    scheme: sender.scheme,
    requestId: caller.requestId,
    isPublic: route.public,
    claims: principal?.claims,
  };
}
