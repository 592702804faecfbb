import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

/** What is known of a request once it is over. Never a query, a header or a body: those hold secrets. */
export interface AnsweredRequest {
  readonly requestId: string;
  readonly address: string;
  readonly method: string;
  /** The pattern of the rule, or the endpoint's path; undefined when nothing matched. */
  readonly route: string | undefined;
  readonly status: number;
  readonly durationMs: number;
  readonly client: string | undefined;
  readonly subject: string | undefined;
  /** The code that the caller was told. */
  readonly error: string | undefined;
  /** How a forwarded exchange ended: `complete`, `client_gone` or `cut_short`; undefined where nothing was forwarded. */
  readonly outcome: string | undefined;
  /** What went wrong behind a failure of ours; for the log only. */
  readonly cause: unknown;
}

/** One line and one observation a request. Methods are the caller's to invent, so metrics know only the usual ones. */
export function createAccessLog(log: Log, metrics: Metrics): (request: AnsweredRequest) => void {
  return (request) => {
    const route = request.route ?? 'none';
    metrics.requests.inc({ route, method: usualMethod(request.method), status: request.status });
    metrics.duration.observe({ route }, request.durationMs / 1000);
    log[request.status >= 500 ? 'error' : 'info'](
      {
        request_id: request.requestId,
        address: request.address,
        method: request.method,
        route: request.route,
        status: request.status,
        duration_ms: Math.round(request.durationMs * 1000) / 1000,
        client: request.client,
        subject: request.subject,
        error: request.error,
        outcome: request.outcome,
        cause: describeCause(request.cause),
      },
      'request',
    );
  };
}

function usualMethod(method: string): string {
  return /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/.test(method) ? method : 'other';
}

/** An error and what caused it, a line: class, code and message, without stacks. */
export function describeCause(cause: unknown): string | undefined {
  if (cause === undefined) return undefined;
  if (!(cause instanceof Error)) return String(cause);
  const code = 'code' in cause ? ` ${String(cause.code)}` : '';
  const deeper =
    cause instanceof AggregateError ? cause.errors.map(describeCause).join(', ') : describeCause(cause.cause);
  return `${cause.name}${code}: ${cause.message}${deeper === undefined ? '' : `; ${deeper}`}`;
}
