import type { RouteConfig } from '../config/schema.ts';
import type { GatewayError } from '../errors.ts';
import { describeCause } from '../observe/log.ts';
import type { NearMiss } from '../routing/matcher.ts';
import { DEFAULT_METHODS } from '../routing/pattern.ts';
import { describeAccess } from './describe-access.ts';
import type { Check, Explanation, UpstreamRequest } from './explain.ts';

/** An explanation as JSON: what commands print, and what the admin address answers. */
export interface ExplanationDocument {
  /** `GET /orders/7` */
  readonly request: string;
  /** Of a request that there was: its id, and when it was over (ISO 8601). */
  readonly request_id?: string | undefined;
  readonly time?: string | undefined;
  readonly outcome: Explanation['outcome'];
  readonly refusal?: Refusal | undefined;
  readonly would_refuse?: Refusal | undefined;
  readonly route?: RouteRow | undefined;
  readonly near_misses: readonly (RouteRow & Pick<NearMiss, 'because'>)[];
  readonly checks: readonly Check[];
  readonly upstream?: UpstreamDocument | undefined;
  /** What could not be looked at from where it was explained. */
  readonly unchecked: readonly string[];
}

type Refusal = ReturnType<typeof refusalOf>;
type RouteRow = ReturnType<typeof rowOf>;
type UpstreamDocument = Omit<UpstreamRequest, 'headers'> & {
  readonly headers: readonly { readonly name: string; readonly value: string }[];
};

/** What else is said of the request that is explained. */
type About = Pick<ExplanationDocument, 'request' | 'request_id' | 'time' | 'unchecked'>;

export function documentOf(
  { outcome, refusal, wouldRefuse, route, nearMisses, checks, upstream }: Explanation,
  { request, request_id, time, unchecked }: About,
): ExplanationDocument {
  return {
    request,
    request_id,
    time,
    outcome,
    refusal: refusal && refusalOf(refusal),
    would_refuse: wouldRefuse && refusalOf(wouldRefuse),
    route: route && rowOf(route),
    near_misses: missedRows(nearMisses),
    checks,
    upstream: upstream && { ...upstream, headers: upstream.headers.map(([name, value]) => ({ name, value })) },
    unchecked,
  };
}

export function missedRows(nearMisses: readonly NearMiss[]): ExplanationDocument['near_misses'] {
  return nearMisses.map(({ route, because }) => ({ ...rowOf(route), because }));
}

function refusalOf({ status, code, description, headers, cause }: GatewayError) {
  return { status, error: code, error_description: description, headers, cause: describeCause(cause) };
}

function rowOf(route: RouteConfig) {
  const { path, host, methods = [...DEFAULT_METHODS], upstream, at } = route;
  return { path, host, methods, access: describeAccess(route), upstream, file: at.file, line: at.line };
}
