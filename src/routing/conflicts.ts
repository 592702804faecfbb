import type { Problem } from '../config/problem.ts';
import type { RouteConfig } from '../config/schema.ts';
import { foldSegment } from './fold.ts';
import { comparableHost, DEFAULT_METHODS, parsePattern, type Segment } from './pattern.ts';

/**
 * Routes that could both win a request: the same host, the same shape (the names of parameters and the case of letters
 * aside), and a method in common. Each is told at the later route, and names the line of the earlier.
 */
export function conflictingRoutes(routes: readonly RouteConfig[]): Problem[] {
  const earlier = new Map<string, RouteConfig[]>();
  return routes.flatMap((route) => {
    const shape = shapeOf(route);
    const alike = earlier.get(shape) ?? [];
    earlier.set(shape, [...alike, route]);
    const rival = alike.find((other) => overlap(other, route));
    if (rival === undefined) return [];
    const message = `this route and the one in line ${rival.at.line} (${rival.path}) could both win a request`;
    return [{ position: route.at, message }];
  });
}

export function shapeOf({ host, path }: Pick<RouteConfig, 'path' | 'host'>): string {
  const { segments, tail } = parsePattern(path);
  return `${comparableHost(host ?? '')}/${segments.map(shapeOfSegment).join('/')}${tail ? '/**' : ''}`;
}

function shapeOfSegment(segment: Segment): string {
  return segment.kind === 'parameter' ? '{}' : foldSegment(decodeURIComponent(segment.text));
}

function overlap(one: RouteConfig, other: RouteConfig): boolean {
  const methods = new Set<string>(one.methods ?? DEFAULT_METHODS);
  return (other.methods ?? DEFAULT_METHODS).some((method) => methods.has(method));
}
