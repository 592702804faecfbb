import type { Locate } from '../config/check.ts';
import { nameLine, type Warning, warning } from '../config/problem.ts';
import type { RouteConfig } from '../config/schema.ts';
import { printable } from '../config/section.ts';
import { conflictingRoutes } from './conflicts.ts';
import { comparableHost, parsePattern, type Segment } from './pattern.ts';
import { unreachableRoutes } from './unreachable.ts';

/**
 * Routes that are in order, and yet hardly what was meant.
 *
 * @param ownPaths what the gateway answers itself, before any route
 */
export function* adviseRoutes(
  routes: readonly RouteConfig[],
  ownPaths: ReadonlySet<string>,
  locate: Locate,
): Iterable<Warning> {
  for (const [index, route] of routes.entries()) yield* foreignPattern(route, index, locate);
  yield* publicBelowProtected(routes, locate);
  // Of two that could both win, the later one never does; that is told as what it is.
  const unreachable = conflictingRoutes(routes).length > 0 ? [] : unreachableRoutes(routes, ownPaths);
  for (const { at } of unreachable) {
    yield warning(
      'unreachable-route',
      at,
      'no request takes this route: all of its paths belong to what comes before it',
    );
  }
}

/** How other routers write what is `{id}` here. */
const FOREIGN = /^(?::(?<colon>\w+)|<(?:\w+:)?(?<angle>\w+)>|\[(?<square>\w+)\]|.*\(.*\).*)$/;

function* foreignPattern({ path }: RouteConfig, index: number, locate: Locate): Iterable<Warning> {
  for (const segment of path.split('/')) {
    const match = FOREIGN.exec(segment);
    if (match === null) continue;
    const { colon, angle, square } = match.groups ?? {};
    const name = colon ?? angle ?? square;
    const meant = name && /^[A-Za-z_]/.test(name) ? `; did you mean \`{${name}}\`?` : '';
    const message = `\`${printable(segment)}\` stands for itself here, and for nothing else${meant}`;
    yield warning('foreign-pattern', locate(['routes', index, 'path']), message);
  }
}

function* publicBelowProtected(routes: readonly RouteConfig[], locate: Locate): Iterable<Warning> {
  const trees = routes.filter((route) => !route.public && route.path.endsWith('/**')).map(treeOf);
  for (const [index, route] of routes.entries()) {
    if (!route.public) continue;
    const inner = treeOf(route);
    const around = trees.filter((tree) => covers(tree, inner));
    const [nearest] = around.sort((a, b) => b.segments.length - a.segments.length);
    if (nearest === undefined) continue;
    const message = `this is public, and all around it, by the route of ${nameLine(nearest.route.at, route.at.file)}, needs a token`;
    yield warning('public-below-protected', locate(['routes', index, 'path']), message);
  }
}

interface Tree {
  readonly route: RouteConfig;
  readonly segments: readonly Segment[];
  /** As it is compared; empty for all. */
  readonly host: string;
}

function treeOf(route: RouteConfig): Tree {
  return { route, segments: parsePattern(route.path).segments, host: comparableHost(route.host ?? '') };
}

function covers(outer: Tree, inner: Tree): boolean {
  if (outer.host !== '' && outer.host !== inner.host) return false;
  return outer.segments.every((segment, depth) => admits(segment, inner.segments[depth]));
}

function admits(outer: Segment, inner: Segment | undefined): boolean {
  if (inner === undefined || outer.kind === 'parameter') return inner !== undefined;
  return inner.kind === 'literal' && inner.text === outer.text;
}
