import type { Match } from './matcher.ts';
import { escaped } from './pattern.ts';

/**
 * The path that the upstream gets, beginning with a single slash: `rewrite` filled from the match, or the path without
 * `strip_prefix`, or the path itself. Values go in as they are in the canonical path, their escapes kept. That a rewrite
 * fits its path is for the configuration's check to see.
 */
export function upstreamPath({ route, parameters, tail }: Match, path: string): string {
  if (route.rewrite !== undefined) {
    const open = route.rewrite.endsWith('/**');
    const filled = fill(open ? route.rewrite.slice(0, -'/**'.length) : route.rewrite, parameters);
    return (open ? filled + tail : filled) || '/';
  }
  if (route.strip_prefix === undefined) return path;
  return path.slice(escaped(route.strip_prefix).length) || '/';
}

function fill(template: string, parameters: Readonly<Record<string, string>>): string {
  return escaped(template).replace(/\{(\w+)\}/g, (_, name: string) => parameters[name] ?? '');
}
