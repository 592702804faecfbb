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
  readonly request_id?: string;
  readonly time?: string;
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

/** A refusal in texts alone: an error may hold on to all that was there when it was thrown. */
export type Refusal = ReturnType<typeof refusalOf>;
type RouteRow = ReturnType<typeof rowOf>;
type UpstreamDocument = Omit<UpstreamRequest, 'headers'> & {
  readonly headers: readonly { readonly name: string; readonly value: string }[];
};

/** What else is said of the request that is explained. */
type About = Pick<ExplanationDocument, 'request' | 'request_id' | 'time' | 'unchecked'>;

/** An explanation whose errors are texts. */
type Told = Omit<Explanation, 'refusal' | 'wouldRefuse'> & {
  readonly refusal: Refusal | undefined;
  readonly wouldRefuse: Refusal | undefined;
};

export function documentOf({ refusal, wouldRefuse, ...explanation }: Explanation, about: About): ExplanationDocument {
  const told = { refusal: refusal && refusalOf(refusal), wouldRefuse: wouldRefuse && refusalOf(wouldRefuse) };
  return documentOfTold({ ...explanation, ...told }, about);
}

export function documentOfTold(
  { outcome, refusal, wouldRefuse, route, nearMisses, checks, upstream }: Told,
  about: About,
): ExplanationDocument {
  const { unchecked, ...named } = about;
  return {
    ...named,
    outcome,
    refusal,
    would_refuse: wouldRefuse,
    route: route && rowOf(route),
    near_misses: nearMisses.map(({ route: missed, because }) => ({ ...rowOf(missed), because })),
    checks,
    upstream: upstream && { ...upstream, headers: upstream.headers.map(([name, value]) => ({ name, value })) },
    unchecked,
  };
}

export function refusalOf({ status, code, description, headers, cause }: GatewayError) {
  return { status, error: code, error_description: description, headers, cause: describeCause(cause) };
}

function rowOf(route: RouteConfig) {
  const { path, host, methods = [...DEFAULT_METHODS], upstream, at } = route;
  return { path, host, methods, access: describeAccess(route), upstream, file: at.file, line: at.line };
}
