import type { RouteConfig } from '../config/schema.ts';
import { describeAccess } from '../explain/describe-access.ts';
import { readConfig } from '../read-config.ts';
import { createMatcher } from '../routing/matcher.ts';
import { DEFAULT_METHODS } from '../routing/pattern.ts';
import { formatTable } from './table.ts';

/** Prints the routes in the order in which they are looked at. */
export function printRoutes(file: string, format: keyof typeof formats): void {
  const { routes } = createMatcher(readConfig(file).routes);
  process.stdout.write(formats[format](routes, file));
}

const formats = {
  text: (routes, file) =>
    formatTable([HEADS.map((head) => head.toUpperCase()), ...routes.map((route) => toCells(route, file))]),
  json: (routes) => `${JSON.stringify({ routes: routes.map(toJson) }, undefined, 2)}\n`,
  markdown: (routes, file) =>
    [HEADS, HEADS.map(() => '---'), ...routes.map((route) => toCells(route, file))].map(markdownRow).join(''),
} as const satisfies Record<string, (routes: readonly RouteConfig[], file: string) => string>;

const HEADS = ['Methods', 'Host', 'Path', 'Access', 'Upstream', 'Line'];

/** @param file gateway.yaml: lines of files that it includes have the name of theirs. */
function toCells(route: RouteConfig, file: string): string[] {
  const { methods, host = '*', path, upstream, at } = route;
  return [
    methods?.join(' ') ?? 'all',
    host,
    path,
    describeAccess(route),
    upstream,
    at.file === file ? String(at.line) : `${at.file}:${at.line}`,
  ];
}

function toJson({ methods = [...DEFAULT_METHODS], host, path, upstream, at, ...access }: RouteConfig) {
  const { public: isPublic, scopes, any_scope, require, issuers, audience, mode } = access;
  const checked = isPublic ? {} : { scopes, any_scope, require, issuers, audience, mode };
  return { methods, host, path, public: isPublic, ...checked, upstream, file: at.file, line: at.line };
}

function markdownRow(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll(/[\\|]/g, '\\$&')).join(' | ')} |\n`;
}
