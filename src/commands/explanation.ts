import { nameLine } from '../config/problem.ts';
import type { RouteConfig } from '../config/schema.ts';
import type { Explanation, UpstreamRequest } from '../explain.ts';
import { describeCause } from '../observe/log.ts';
import type { NearMiss } from '../routing/matcher.ts';
import { DEFAULT_METHODS } from '../routing/pattern.ts';
import { describeAccess } from './routes.ts';

/** An explanation of what was asked, by the configuration alone. */
export interface OfflineExplanation extends Explanation {
  /** The gateway.yaml that was asked, as it was given. */
  readonly file: string;
  /** `GET /orders/7` */
  readonly request: string;
  /** What only a running gateway could look at. */
  readonly unchecked: readonly string[];
}

export function toJson(explanation: OfflineExplanation): string {
  const { request, outcome, refusal, route, nearMisses, checks, upstream, unchecked } = explanation;
  const document = {
    request,
    outcome,
    refusal: refusal && {
      status: refusal.status,
      error: refusal.code,
      error_description: refusal.description,
      headers: refusal.headers,
      cause: describeCause(refusal.cause),
    },
    route: route && toRow(route),
    near_misses: nearMisses.map(({ route: missed, because }) => ({ ...toRow(missed), because })),
    checks,
    upstream: upstream && { ...upstream, headers: upstream.headers.map(([name, value]) => ({ name, value })) },
    unchecked,
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

function toRow({ path, host, upstream, at }: RouteConfig) {
  return { path, host, upstream, file: at.file, line: at.line };
}

export function formatExplanation(explanation: OfflineExplanation): string {
  const { file, request, route, nearMisses, checks, upstream, unchecked } = explanation;
  const lines = [
    `${request}: ${describeOutcome(explanation)}`,
    ...(route ? ['', `Route: ${route.path} of ${nameLine(route.at, file)} (${describeAccess(route)})`] : []),
    ...section(
      'Near it:',
      nearMisses.map((miss) => describeMiss(miss, file)),
    ),
    ...section(
      'Checks:',
      checks.map(({ name, passed, detail }) => `${passed ? 'ok' : 'NO'}  ${name.padEnd(11)} ${detail}`),
    ),
    ...(upstream ? section(`The upstream ${upstream.name} would get:`, describeUpstream(upstream)) : []),
    ...(unchecked.length > 0 ? ['', `Not known here: ${unchecked.join(', ')}`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function describeOutcome({ outcome, refusal }: Explanation): string {
  return refusal ? `refused with ${refusal.status} ${refusal.code}: ${refusal.description}` : outcome;
}

function section(head: string, lines: readonly string[]): string[] {
  return lines.length > 0 ? ['', head, ...lines.map((line) => `  ${line}`)] : [];
}

const REASONS: Readonly<Record<NearMiss['because'], (route: RouteConfig) => string>> = {
  method: ({ methods = DEFAULT_METHODS }) => `is for ${methods.join(', ')} only`,
  specificity: () => 'fits too, and is less specific',
  host: ({ host = 'all hosts' }) => `is for ${host}`,
  spelling: () => 'is spelt in another way (case, a slash at the end, ;parameters)',
};

function describeMiss({ route, because }: NearMiss, file: string): string {
  return `${route.path} of ${nameLine(route.at, file)} ${REASONS[because](route)}`;
}

function describeUpstream({ method, targets, path, headers }: UpstreamRequest): string[] {
  return [`${method} ${targets.join(' or ')}${path}`, ...headers.map(([name, value]) => `${name}: ${value}`)];
}
