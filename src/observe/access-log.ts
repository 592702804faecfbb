import { describeCause, type Log } from './log.ts';
import type { Metrics } from './metrics.ts';

/** What is known of a request once it is over. Never a query, a header or a body: those hold secrets. */
export interface AnsweredRequest {
  readonly requestId: string;
  readonly address: string;
  /** Undefined where the request could not be read so far. */
  readonly method: string | undefined;
  /** The pattern of the rule, or the endpoint's path; undefined when nothing matched. */
  readonly route?: string | undefined;
  readonly status: number;
  /** From the request's head on; undefined where that was never whole. */
  readonly durationMs?: number;
  readonly client?: string | undefined;
  readonly subject?: string | undefined;
  /** The code that the caller was told. */
  readonly error: string | undefined;
  /** The code that it would have been told, on a route in report mode. */
  readonly wouldRefuse?: string | undefined;
  /** How a forwarded exchange ended: `complete`, `client_gone` or `cut_short`; undefined where nothing was forwarded. */
  readonly outcome?: string | undefined;
  /** What went wrong behind a failure of ours; for the log only. */
  readonly cause: unknown;
}

/** One line and one observation a request. Methods are the caller's to invent, so metrics know only the usual ones. */
export function createAccessLog(log: Log, metrics: Metrics): (request: AnsweredRequest) => void {
  return (request) => {
    const route = request.route ?? 'none';
    metrics.requests.inc({ route, method: usualMethod(request.method), status: request.status });
    if (request.durationMs !== undefined) metrics.duration.observe({ route }, request.durationMs / 1000);
    if (request.wouldRefuse !== undefined) metrics.wouldRefuse.inc({ route, error: request.wouldRefuse });
    log[levelOf(request)](
      {
        request_id: request.requestId,
        address: request.address,
        method: request.method,
        route: request.route,
        status: request.status,
        duration_ms: request.durationMs && Math.round(request.durationMs * 1000) / 1000,
        client: request.client,
        subject: request.subject,
        error: request.error,
        would_refuse: request.wouldRefuse,
        outcome: request.outcome,
        cause: describeCause(request.cause),
      },
      'request',
    );
  };
}

function levelOf({ status, wouldRefuse }: AnsweredRequest): 'error' | 'warn' | 'info' {
  if (status >= 500) return 'error';
  return wouldRefuse === undefined ? 'info' : 'warn';
}

function usualMethod(method: string | undefined): string {
  return method !== undefined && /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/.test(method) ? method : 'other';
}
