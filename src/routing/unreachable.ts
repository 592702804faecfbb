import type { RouteConfig } from '../config/schema.ts';
import { GatewayError } from '../errors.ts';
import { createMatcher, type Matcher } from './matcher.ts';
import { DEFAULT_METHODS, type Pattern, parsePattern } from './pattern.ts';

/** Stands for a segment that no route has as a literal. */
const ANY = 'a-segment-of-no-route';

/**
 * Routes that no request takes, found by asking the matcher for paths of each. What a `{name}` stands for is no literal of
 * another route: with one, more routes could come before this one, and never fewer.
 */
export function unreachableRoutes(routes: readonly RouteConfig[], ownPaths: ReadonlySet<string>): RouteConfig[] {
  const matcher = createMatcher(routes);
  const patterns = routes.map(({ path }) => parsePattern(path));
  const deepest = Math.max(0, ...patterns.map(({ segments }) => segments.length));
  return routes.filter((route, index) => {
    const paths = examples(patterns[index] as Pattern, deepest);
    return !paths.some((path) => !ownPaths.has(path) && takes(matcher, route, path));
  });
}

function takes(matcher: Matcher, route: RouteConfig, path: string): boolean {
  const [method = ''] = route.methods ?? DEFAULT_METHODS;
  try {
    return matcher.match(route.host, path, method).route === route;
  } catch (error) {
    if (error instanceof GatewayError) return false;
    throw error;
  }
}

/** One path for each depth that matters: below the deepest route of all, nothing is decided any more. */
function examples({ segments, tail }: Pattern, deepest: number): string[] {
  const texts = segments.map((segment) => (segment.kind === 'literal' ? segment.text : ANY));
  const below = tail ? deepest - texts.length + 1 : 0;
  return Array.from({ length: below + 1 }, (_, depth) => `/${[...texts, ...Array(below - depth).fill(ANY)].join('/')}`);
}
