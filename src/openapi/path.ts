import { routePath } from '../config/route-section.ts';
import { GatewayError } from '../errors.ts';
import { parseTarget } from '../routing/target.ts';

/** The path of an operation as a route can say it. */
export interface RoutePath {
  readonly path: string;
  /** What of the operation's path had to be made broader; undefined where it says just the same. */
  readonly broadened: string | undefined;
}

const TEMPLATE = /\{[^{}]*\}/g;
/** What no request has where it counts: a query or fragment is no part of a path. */
const QUERY = /[?#].*$/s;

/**
 * `/pets/{pet-id}` is `/pets/{pet_id}`. A segment that is a template in part, or that no route can have as a literal,
 * becomes any segment; a slash at the end becomes all below it.
 */
export function toRoutePath(template: string): RoutePath {
  const path = template.replace(QUERY, '');
  const segments = path.split('/').slice(1);
  const open = segments.length > 1 && segments.at(-1) === '';
  const names = new Set<string>();
  const said = (open ? segments.slice(0, -1) : segments).map((segment) => toSegment(segment, names));
  const inexact = said.filter(({ exact }) => !exact).map(({ from }) => from);
  const reasons = [
    ...(path === template ? [] : ['what follows a ? or # is no part of a path']),
    ...inexact.map((segment) => `any segment is taken for ${segment}`),
    ...(open ? ['a slash at the end can only be said as /**'] : []),
  ];
  const routed = `/${said.map(({ text }) => text).join('/')}${open ? '/**' : ''}`;
  return { path: routed, broadened: reasons.length > 0 ? reasons.join('; ') : undefined };
}

interface RouteSegment {
  readonly from: string;
  readonly text: string;
  readonly exact: boolean;
}

function toSegment(from: string, names: Set<string>): RouteSegment {
  const literal = decoded(from);
  if (literal === '' || routePath.safeParse(`/${literal}`).success) {
    if (!literal.startsWith('{')) return { from, text: literal, exact: true };
  }
  const name = unusedName(from.replace(/[{}]/g, ''), names);
  return { from, text: `{${name}}`, exact: /^\{[^{}]*\}$/.test(from) };
}

/** In letters, digits and underscores, as routes name their segments. */
function unusedName(wanted: string, names: Set<string>): string {
  const name = wanted.replace(/\W+/g, '_').replace(/^(?![A-Za-z_])/, '_');
  let unused = name;
  for (let number = 2; names.has(unused); number += 1) unused = `${name}_${number}`;
  names.add(unused);
  return unused;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** Stands for each template; no route has it as a literal. */
const SAMPLE = 'a-value-of-no-route';

/** A path that a request for the operation may have, in its canonical spelling; undefined where each would be refused. */
export function samplePath(template: string): string | undefined {
  const filled = template
    .replace(QUERY, '')
    .replace(TEMPLATE, SAMPLE)
    .replace(/\p{Cs}/gu, '\ufffd');
  try {
    return parseTarget(filled.replace(/[^\x21-\x7e]+/g, encodeURIComponent)).path;
  } catch (error) {
    if (error instanceof GatewayError) return undefined;
    throw error;
  }
}
