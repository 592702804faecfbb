import type { RouteConfig } from '../config/schema.ts';
import { describeAccess } from '../explain/describe-access.ts';
import { readConfig } from '../gateway.ts';
import { createMatcher } from '../routing/matcher.ts';
import { DEFAULT_METHODS } from '../routing/pattern.ts';
import { formatTable } from './table.ts';

/** Prints the routes in the order in which they are looked at. */
export function printRoutes(file: string, format: keyof typeof formats): void {
  const { routes } = createMatcher(readConfig(file).routes);
  process.stdout.write(formats[format](routes));
}

const formats = {
  text: (routes) => formatTable([HEADS.map((head) => head.toUpperCase()), ...routes.map(toCells)]),
  json: (routes) => `${JSON.stringify({ routes: routes.map(toJson) }, undefined, 2)}\n`,
  markdown: (routes) => [HEADS, HEADS.map(() => '---'), ...routes.map(toCells)].map(markdownRow).join(''),
} as const satisfies Record<string, (routes: readonly RouteConfig[]) => string>;

const HEADS = ['Methods', 'Host', 'Path', 'Access', 'Upstream', 'Line'];

function toCells(route: RouteConfig): string[] {
  const { methods, host = '*', path, upstream, at } = route;
  return [methods?.join(' ') ?? 'all', host, path, describeAccess(route), upstream, String(at.line)];
}

function toJson({ methods = [...DEFAULT_METHODS], host, path, upstream, at, ...access }: RouteConfig) {
  const { public: isPublic, scopes, any_scope, require, issuers, audience, mode } = access;
  const checked = isPublic ? {} : { scopes, any_scope, require, issuers, audience, mode };
  return { methods, host, path, public: isPublic, ...checked, upstream, line: at.line };
}

function markdownRow(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll(/[\\|]/g, '\\$&')).join(' | ')} |\n`;
}
