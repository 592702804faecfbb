import type { Check } from '../config/check.ts';
import { type Problem, warning } from '../config/problem.ts';
import type { RouteConfig } from '../config/schema.ts';
import { printable } from '../config/section.ts';
import { GatewayError } from '../errors.ts';
import { createMatcher, type Matcher } from '../routing/matcher.ts';
import { isAtLeast, isAtMost } from './access.ts';
import type { Operation } from './operations.ts';
import { samplePath } from './path.ts';

export interface Where {
  /** Where the gateway has the API. */
  readonly prefix?: string | undefined;
  /** The host that its requests have. */
  readonly host?: string | undefined;
}

/** Asks the matcher for each operation, and holds the route that wins against what the description says. */
export function checkAgainst(operations: readonly Operation[], { prefix = '', host }: Where): Check {
  return function* ({ routes }) {
    if (!routes) return;
    const matcher = createMatcher(routes);
    const used = new Set<RouteConfig>();
    for (const operation of operations) {
      const found = routeOf(operation, prefix + operation.path, host, matcher);
      if ('path' in found) {
        used.add(found);
        yield* compareAccess(operation, found);
      } else yield found;
    }
    yield* unused(routes, used);
  };
}

function routeOf(operation: Operation, template: string, host: string | undefined, matcher: Matcher) {
  const path = samplePath(template);
  try {
    return matcher.match(host, path ?? '', operation.method).route;
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    const why = path === undefined ? 'each request for it is refused' : REASONS[error.code];
    return warning('operation-without-route', operation.at, `no route takes ${named(operation)}: ${why}`);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  not_found: 'none has its path',
  method_not_allowed: 'those of its path have other methods',
  invalid_request: 'its path could be taken for that of another route',
};

function named({ method, path }: Operation): string {
  return printable(`${method} ${path}`);
}

/** An operation that is open to more than the description says is an error. */
function* compareAccess(operation: Operation, route: RouteConfig): Iterable<Problem> {
  const { security, at } = operation;
  const place = `${named(operation)} (${at.file}:${at.line})`;
  if (security.kind === 'none' && !route.public) {
    yield warning('operation-needs-token', route.at, `this asks for a token, and the description for none: ${place}`);
  }
  if (security.kind !== 'token') return;
  const { alternatives } = security;
  const needed = alternatives.map((scopes) => scopes.join(' ') || 'any token').join(', or ');
  if (route.public) {
    yield { code: 'operation-public', position: route.at, message: `this is public, but ${place} is not` };
  } else if (!isAtLeast(route, alternatives)) {
    const message = `this lets through more than ${place}, which needs ${printable(needed)}`;
    yield { code: 'operation-underprotected', position: route.at, message };
  } else if (!isAtMost(route, alternatives)) {
    const message = `this asks for more than ${place}, which needs ${printable(needed)}`;
    yield warning('operation-overprotected', route.at, message);
  }
}

/** Of the upstreams that have operations; others are not what the description is about. */
function* unused(routes: readonly RouteConfig[], used: ReadonlySet<RouteConfig>): Iterable<Problem> {
  const upstreams = new Set([...used].map(({ upstream }) => upstream));
  for (const route of routes) {
    if (used.has(route) || !upstreams.has(route.upstream)) continue;
    yield warning('route-without-operation', route.at, 'no operation of the description goes by this route');
  }
}
